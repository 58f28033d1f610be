// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* abi.h compared with the kernel's own header of the same; no code. */
#include <linux/kernel.h>
#include "guest/kmod/hv_utils/abi.h"
#include <uapi/linux/hyperv.h>

#define SAME(type, field, other_type, other_field)                             \
	static_assert(offsetof(type, field) ==                                 \
		      offsetof(other_type, other_field))

static_assert(sizeof(struct abi_kvp) == sizeof(struct hv_kvp_msg));
SAME(struct abi_kvp, item, struct hv_kvp_msg, body.kvp_get);
SAME(struct abi_kvp, item.value, struct hv_kvp_msg, body.kvp_get.data.value);
SAME(struct abi_kvp, delete.key, struct hv_kvp_msg, body.kvp_delete.key);
SAME(struct abi_kvp, enumerate.item.key, struct hv_kvp_msg,
     body.kvp_enum_data.data.key);
SAME(struct abi_kvp, ip.family, struct hv_kvp_msg, body.kvp_ip_val.addr_family);
SAME(struct abi_kvp, ip.gateways, struct hv_kvp_msg, body.kvp_ip_val.gate_way);
SAME(struct abi_kvp, ip.dns_servers, struct hv_kvp_msg,
     body.kvp_ip_val.dns_addr);
static_assert(ABI_KVP_HELLO == KVP_OP_REGISTER1);
static_assert(ABI_KVP_HELLO_OLD == KVP_OP_REGISTER);

static_assert(sizeof(struct abi_vss) == sizeof(struct hv_vss_msg));
SAME(struct abi_vss, flags, struct hv_vss_msg, vss_cf.flags);
static_assert(ABI_VSS_HELLO == VSS_OP_REGISTER1);

static_assert(sizeof(struct abi_fcopy_start) == sizeof(struct hv_start_fcopy));
SAME(struct abi_fcopy_start, folder, struct hv_start_fcopy, path_name);
SAME(struct abi_fcopy_start, flags, struct hv_start_fcopy, copy_flags);
SAME(struct abi_fcopy_start, size_bytes, struct hv_start_fcopy, file_size);
static_assert(sizeof(struct abi_fcopy_data) == sizeof(struct hv_do_fcopy));
SAME(struct abi_fcopy_data, offset, struct hv_do_fcopy, offset);
SAME(struct abi_fcopy_data, data, struct hv_do_fcopy, data);
