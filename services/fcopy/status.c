// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* How copies end, in words. */
#include "services/fcopy/vsp.h"

static const char *const texts[] = {
	[FCOPY_OK] = "done",
	[FCOPY_BUSY] = "another copy to the guest is under way",
	[FCOPY_NOT_READY] = "the guest does not use the service (yet)",
	[FCOPY_NAME_INVALID] =
		("the file's name is empty, \".\" or \"..\", has "
		 "a slash in it, or is not valid UTF-8"),
	[FCOPY_NAME_TOO_LONG] = ("the file's name is too long: the limit is "
				 "259 UTF-16 units, and 259 bytes of UTF-8 for "
				 "Linux guests"),
	[FCOPY_FOLDER_INVALID] = "the folder is empty or not valid UTF-8",
	[FCOPY_FOLDER_TOO_LONG] = ("the folder is too long: the limit with its "
				   "last slash is 259 UTF-16 units, and 259 "
				   "bytes of UTF-8 for Linux guests"),
	[FCOPY_NOT_ASCII] =
		("the file's name or folder is not ASCII, which the "
		 "guest's file copy daemon would garble"),
	[FCOPY_FOLDER_TOO_LONG_UIO] = ("the folder is too long for the guest's "
				       "file copy daemon: the limit with its "
				       "last slash is 131 characters"),
	[FCOPY_FLAGS_INVALID] = "there is no such flag",
	[FCOPY_EXISTS] = "the file already exists in the guest",
	[FCOPY_NO_FOLDER] = "the folder does not exist in the guest",
	[FCOPY_NOT_CREATED] = ("the guest could not create the file there: "
			       "read-only, not permitted, or in the way of "
			       "something else"),
	[FCOPY_NO_DAEMON] = ("nothing in the guest takes the file: its file "
			     "copy daemon is not running"),
	[FCOPY_DISK_FULL] = "no space is left on the guest's disk",
	[FCOPY_ACCESS_DENIED] = "the guest denied access",
	[FCOPY_NOT_WRITTEN] = "the guest could not write the file",
	[FCOPY_GUEST_ERROR] = "the guest reported an error",
	[FCOPY_NO_ANSWER] = "the guest did not answer in time",
	[FCOPY_CANCELLED] = "the copy was cancelled",
	[FCOPY_CLOSED] = "the guest closed the service meanwhile",
};

const char *fcopy_status_text(enum fcopy_status status)
{
	if ((u32)status >= PORT_ARRAY_SIZE(texts))
		return "unknown status";
	return texts[status];
}
