// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* SCSI status and sense data. */
#include "services/storage/sense.h"
#include "services/storage/bytes.h"

/* Fixed format, SPC-4 table 53. */
#define FIXED_CURRENT	     0x70
#define FIXED_VALID	     0x80
#define FIXED_SPECIFIC_VALID 0x80
#define SPECIFIC_IN_CDB	     0x40
#define SPECIFIC_BIT_VALID   0x08

void sense_set(struct scsi_result *result, enum sense_code code)
{
	port_fill(result, 0, sizeof(*result));
	result->status = SCSI_CHECK_CONDITION;
	result->sense_bytes = SENSE_FIXED_BYTES;
	result->sense[0] = FIXED_CURRENT;
	result->sense[2] = (u8)(code >> 16);
	result->sense[7] = SENSE_FIXED_BYTES - 8;
	result->sense[12] = (u8)(code >> 8);
	result->sense[13] = (u8)code;
}

void sense_set_field(struct scsi_result *result, enum sense_code code, u16 byte,
		     u8 bit)
{
	sense_set(result, code);
	result->sense[15] = FIXED_SPECIFIC_VALID;
	if (code == SENSE_FIELD_IN_CDB)
		result->sense[15] |= SPECIFIC_IN_CDB;
	if (bit < 8)
		result->sense[15] |= (u8)(SPECIFIC_BIT_VALID | bit);
	be16_write(result->sense + 16, byte);
}

void sense_set_information(struct scsi_result *result, enum sense_code code,
			   u64 information)
{
	sense_set(result, code);
	if (information > 0xffffffffu)
		return;
	result->sense[0] |= FIXED_VALID;
	be32_write(result->sense + 3, (u32)information);
}

u32 sense_read(const u8 *sense, u32 sense_bytes)
{
	u8 format = sense_bytes ? sense[0] & 0x7f : 0;
	u32 code;

	/* Fixed: 0x70 and 0x71, descriptor: 0x72 and 0x73. */
	if (format == 0x72 || format == 0x73) {
		if (sense_bytes < 4)
			return SENSE_NONE;
		return (u32)(sense[1] & 0xf) << 16 | be16_read(sense + 2);
	}
	if ((format != 0x70 && format != 0x71) || sense_bytes < 3)
		return SENSE_NONE;
	code = (u32)(sense[2] & 0xf) << 16;
	/* The additional length says whether the codes are there. */
	if (sense_bytes >= 14 && sense[7] >= 6)
		code |= be16_read(sense + 12);
	return code;
}
