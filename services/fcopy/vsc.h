/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of file copy.
 *
 * Here: requests of the host, checked and in UTF-8, and the answers to them.
 * Not here: files; where a host may write to is its caller's to decide.
 *
 * One request is under way at a time: after fcopy_vsc_receive() gave one,
 * fcopy_vsc_respond() must answer it before another packet is taken.
 *
 * Source: as services/fcopy/wire.h; statuses are those of
 * tools/hv/hv_fcopy_daemon.c.
 */
#ifndef SERVICES_FCOPY_VSC_H
#define SERVICES_FCOPY_VSC_H

#include "services/fcopy/service.h"
#include "services/ic/utf16.h"

#define FCOPY_NAME_BYTES UTF16_UTF8_BYTES(FCOPY_NAME_UNITS - 1)

/* What the host asks. */
struct fcopy_request {
	enum fcopy_operation operation;
	/*
	 * Start. A file that is still open then was given up by the host: close
	 * and remove it first.
	 */
	u32 flags;		       /* FCOPY_OVERWRITE, FCOPY_CREATE_PATH */
	u64 size_bytes;		       /* of the whole file */
	char name[FCOPY_NAME_BYTES];   /* without slash; not ".", ".." or "" */
	char folder[FCOPY_NAME_BYTES]; /* not "" */
	/* Data: within the size that the start told. */
	u64 offset;
	u32 data_bytes; /* up to FCOPY_BLOCK_BYTES */
	const u8 *data; /* in the packet that was received */
};

struct fcopy_vsc {
	struct ic_vsc ic;
	struct ic_message asked; /* its body is not kept */
	u64 transaction_id;
	u64 size_bytes; /* of the file under way */
	u64 asked_size_bytes;
	u8 operation; /* of the request under way */
	bool pending;
	bool questions; /* fcopy_vsc_show_questions() */
	bool open; /* a start succeeded; no complete, nor good cancel, since */
};

/*
 * fcopy_vsc_init - before the channel is opened. What was open before must be
 * closed by then. Returns VMBUS_OK.
 */
enum vmbus_status fcopy_vsc_init(struct fcopy_vsc *vsc);

/*
 * fcopy_vsc_show_questions - from now on a start for "." is a request, too. Our
 * host asks so whether a folder is there, and whether anybody serves; only who
 * has the files can tell, and must refuse to write to it. After init.
 */
void fcopy_vsc_show_questions(struct fcopy_vsc *vsc);

/*
 * fcopy_vsc_receive - take one packet from the host.
 * @data: @size_bytes of payload, copied out of shared memory; must stay until
 *        the answer when the request is FCOPY_OPERATION_DATA
 * @transaction_id: of its descriptor; whatever is given, the answer gets
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of an answer to send at once, with @transaction_id; 0
 *                  for none
 * @request: filled when *@requested is set to true
 *
 * A request that makes no sense is answered at once and not shown: with
 * IC_E_INVALID_NAME (no terminator, no valid UTF-16, no file name),
 * IC_E_INVALID_ARGUMENT (sizes, offsets, flags), IC_E_INVALID_HANDLE (data or
 * complete without a file), IC_E_NOT_SUPPORTED (unknown operation), IC_S_OK
 * (cancel without a file).
 * Returns VMBUS_OK, VMBUS_AGAIN (a request is under way: pass the packet again
 * after the answer), or those of ic_vsc_receive(), also VMBUS_E_IC_SHORT (a
 * body smaller than its layout).
 */
enum vmbus_status fcopy_vsc_receive(struct fcopy_vsc *vsc, const void *data,
				    u32 size_bytes, u64 transaction_id,
				    void *response, u32 capacity_bytes,
				    u32 *response_bytes,
				    struct fcopy_request *request,
				    bool *requested);

/*
 * fcopy_vsc_respond - answer the request under way.
 * @status: HRESULT; IC_S_OK, IC_E_FILE_EXISTS, IC_E_PATH_NOT_FOUND,
 *          IC_E_ACCESS_DENIED, IC_E_DISK_FULL, IC_E_FAIL, ... After a
 *          complete the file counts as closed whatever the status.
 * @response: @capacity_bytes of memory, FCOPY_PACKET_MAX_BYTES suffices
 * @transaction_id: set to the id to send it with
 * Returns the payload's size, 0 when none is under way or it does not fit.
 */
u32 fcopy_vsc_respond(struct fcopy_vsc *vsc, u32 status, void *response,
		      u32 capacity_bytes, u64 *transaction_id);

#endif
