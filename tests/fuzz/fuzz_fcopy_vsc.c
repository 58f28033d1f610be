// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The guest end of file copy, against a host that lies. */
#include "tests/fuzz/ic_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	return ic_fuzz_guest(&fcopy_fuzz_ends, input, input_bytes);
}
