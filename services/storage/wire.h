/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts and constants of synthetic storage, both directions.
 *
 * Here: the vstor packet. Not here: SCSI (scsi.h), the rings (vmbus/).
 *
 * Sources: drivers/scsi/storvsc_drv.c of Linux, "all wire protocol details";
 * OpenVMM, storvsp_protocol. A packet is the payload of one VMBus packet; the
 * memory of an SRB's data is in that packet's GPA ranges.
 */
#ifndef SERVICES_STORAGE_WIRE_H
#define SERVICES_STORAGE_WIRE_H

#include "vmbus/guid.h"
#include "vmbus/port.h"

/* Types of offers (linux/hyperv.h, HV_SCSI_GUID, HV_IDE_GUID, HV_SYNTHFC_GUID).
 */
#define STORAGE_TYPE_SCSI                                                      \
	GUID_FIELDS(0xba6163d9, 0x04a1, 0x4d29, 0xb6, 0x05, 0x72, 0xe2, 0xff,  \
		    0xb1, 0xdc, 0x7f)
#define STORAGE_TYPE_IDE                                                       \
	GUID_FIELDS(0x32412632, 0x86cb, 0x44a2, 0x9b, 0x5c, 0x50, 0xd1, 0x41,  \
		    0x73, 0x54, 0xf5)
#define STORAGE_TYPE_FC                                                        \
	GUID_FIELDS(0x2f9bcc4a, 0x0069, 0x4af3, 0xb7, 0x6b, 0x6f, 0xd0, 0xbe,  \
		    0x52, 0x8c, 0xda)

/*
 * Instance of the IDE accelerator of a disk: controller 0 or 1, place 0 or 1.
 * Linux reads the place from it (storvsc_probe: bytes 4 and 5), as OpenVMM
 * writes it (StorageDevice::build_ide).
 */
#define STORAGE_INSTANCE_IDE(controller, place)                                \
	GUID_FIELDS(controller, place, 0x8899, 0, 0, 0, 0, 0, 0, 0, 0)

/* 16 bits, major << 8 | minor. */
#define STORAGE_VERSION_2_0 0x0200u /* Windows Server 2008 */
#define STORAGE_VERSION_4_2 0x0402u /* 2008 R2 */
#define STORAGE_VERSION_5_1 0x0501u /* 2012: long SRB, sub-channels */
#define STORAGE_VERSION_6_0 0x0600u /* 2012 R2 */
#define STORAGE_VERSION_6_2 0x0602u /* Windows 10, Server 2016 */

/* enum vstor_packet_operation; 14 is in OpenVMM only. */
enum storage_operation {
	STORAGE_COMPLETE_IO = 1, /* every answer */
	STORAGE_REMOVE_DEVICE = 2,
	STORAGE_EXECUTE_SRB = 3,
	STORAGE_RESET_LUN = 4,
	STORAGE_RESET_ADAPTER = 5,
	STORAGE_RESET_BUS = 6,
	STORAGE_BEGIN_INITIALIZATION = 7,
	STORAGE_END_INITIALIZATION = 8,
	STORAGE_QUERY_PROTOCOL_VERSION = 9,
	STORAGE_QUERY_PROPERTIES = 10,
	STORAGE_ENUMERATE_BUS = 11,
	STORAGE_FCHBA_DATA = 12,
	STORAGE_CREATE_SUB_CHANNELS = 13,
	STORAGE_EVENT_NOTIFICATION = 14,
	STORAGE_OPERATION_COUNT
};

/* storage_header.flags: the sender wants an answer. */
#define STORAGE_FLAG_COMPLETION 0x1u

/* storage_header.status: NTSTATUS (OpenVMM, NtStatus). */
#define STORAGE_NT_SUCCESS		  0x00000000u
#define STORAGE_NT_BUFFER_OVERFLOW	  0x80000005u
#define STORAGE_NT_DEVICE_BUSY		  0x80000011u
#define STORAGE_NT_INVALID_PARAMETER	  0xc000000du
#define STORAGE_NT_INVALID_DEVICE_REQUEST 0xc0000010u
#define STORAGE_NT_REVISION_MISMATCH	  0xc0000059u
#define STORAGE_NT_DEVICE_DOES_NOT_EXIST  0xc00000c0u
#define STORAGE_NT_CANCELLED		  0xc0000120u
#define STORAGE_NT_INVALID_DEVICE_STATE	  0xc0000184u
#define STORAGE_NT_IO_DEVICE_ERROR	  0xc0000185u

struct storage_header {
	u32 operation; /* enum storage_operation */
	u32 flags;
	u32 status;
};

#define STORAGE_CDB_BYTES 16u
/* Sense data takes the CDB's place in an answer. Below 5.1 Linux gives room
 * for 18 bytes (PRE_WIN8_STORVSC_SENSE_BUFFER_SIZE). */
#define STORAGE_SENSE_BYTES	20u
#define STORAGE_SENSE_BYTES_OLD 18u

/* struct vmscsi_request: a SCSI request block. */
struct storage_srb_wire {
	u16 length; /* of this structure */
	u8 srb_status;
	u8 scsi_status;
	u8 port;
	u8 path;
	u8 target;
	u8 lun;
	u8 cdb_length;
	u8 sense_length;
	u8 data_in; /* enum storage_direction */
	u8 reserved;
	u32 transfer_bytes;
	union {
		u8 cdb[STORAGE_CDB_BYTES];
		u8 sense[STORAGE_SENSE_BYTES];
	};
	/* From 5.1 on. */
	u16 reserved2;
	u8 queue_tag;
	u8 queue_action;
	u32 srb_flags;
	u32 timeout_s;
	u32 queue_sort_key;
};

#define STORAGE_SRB_BYTES     52u
#define STORAGE_SRB_BYTES_OLD 36u

/* srb.data_in: that of the Windows DDK's SCSI_PASS_THROUGH. */
enum storage_direction {
	STORAGE_DATA_OUT = 0,
	STORAGE_DATA_IN = 1,
	STORAGE_DATA_UNSPECIFIED = 2, /* Linux: no data, or both ways */
};

/* srb.srb_flags (SRB_FLAGS_* of storvsc_drv.c). */
#define STORAGE_SRB_QUEUE_ACTION_ENABLE	   0x00000002u
#define STORAGE_SRB_DISABLE_SYNCH_TRANSFER 0x00000008u
#define STORAGE_SRB_DATA_IN		   0x00000040u
#define STORAGE_SRB_DATA_OUT		   0x00000080u

/* srb.srb_status (SRB_STATUS_* of storvsc_drv.c and of the Windows DDK). */
#define STORAGE_SRB_PENDING	    0x00u
#define STORAGE_SRB_SUCCESS	    0x01u
#define STORAGE_SRB_ABORTED	    0x02u
#define STORAGE_SRB_ERROR	    0x04u
#define STORAGE_SRB_BUSY	    0x05u
#define STORAGE_SRB_INVALID_REQUEST 0x06u
#define STORAGE_SRB_NO_DEVICE	    0x08u
#define STORAGE_SRB_TIMEOUT	    0x09u
#define STORAGE_SRB_BUS_RESET	    0x0eu
#define STORAGE_SRB_DATA_OVERRUN    0x12u
#define STORAGE_SRB_INVALID_LUN	    0x20u
#define STORAGE_SRB_INTERNAL_ERROR  0x30u
/* Beside one of them. */
#define STORAGE_SRB_QUEUE_FROZEN    0x40u
#define STORAGE_SRB_AUTOSENSE_VALID 0x80u
#define STORAGE_SRB_STATUS_MASK	    0x3fu

/* struct vmstorage_channel_properties. */
struct storage_properties {
	u32 reserved;
	u16 sub_channels_max;
	u16 reserved2;
	u32 flags;
	u32 transfer_max_bytes;
	u32 reserved3[2];
};

/* storage_properties.flags: sub-channels can be asked for. */
#define STORAGE_PROPERTY_MULTI_CHANNEL 0x1u

/* struct vmstorage_protocol_version. */
struct storage_version_wire {
	u16 version;
	u16 revision; /* 0 */
};

/* struct hv_fc_wwn_packet. */
struct storage_fc_wwn {
	u8 primary_active;
	u8 reserved[3];
	u8 primary_port[8];
	u8 primary_node[8];
	u8 secondary_port[8];
	u8 secondary_node[8];
};

/* struct vstor_packet. */
struct storage_packet {
	struct storage_header header;
	union {
		struct storage_srb_wire srb;
		struct storage_properties properties;
		struct storage_version_wire version;
		struct storage_fc_wwn wwn;
		u16 sub_channels;
		u8 bytes[STORAGE_SRB_BYTES];
	};
};

#define STORAGE_HEADER_BYTES	 12u
#define STORAGE_PACKET_BYTES	 64u /* from 5.1 on */
#define STORAGE_PACKET_BYTES_OLD 48u

/*
 * In the offer's user defined data (OpenVMM, OfferProperties): old Windows
 * drivers take the place of an IDE disk from here, others from the instance.
 */
struct storage_offer_properties {
	u16 reserved;
	u8 path;
	u8 target;
	u32 reserved2;
	u32 flags;
	u32 reserved3[3];
};

#define STORAGE_OFFER_IDE 0x2u

_Static_assert(sizeof(struct storage_srb_wire) == 52, "wire layout");
_Static_assert(offsetof(struct storage_srb_wire, cdb) == 16, "wire layout");
_Static_assert(offsetof(struct storage_srb_wire, srb_flags) == 40,
	       "wire layout");
_Static_assert(sizeof(struct storage_packet) == 64, "wire layout");
_Static_assert(sizeof(struct storage_properties) == 24, "wire layout");
_Static_assert(sizeof(struct storage_fc_wwn) == 36, "wire layout");
_Static_assert(sizeof(struct storage_offer_properties) == 24, "wire layout");

#endif
