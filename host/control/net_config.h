/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * net_config.h - what an administrator asks of one network adapter.
 *
 * Here: the settings of an adapter, and their one way in from an option's text
 * or from a JSON object. Not here: the adapter (host/device), what is behind it
 * (host/backend/net).
 */
#ifndef HOST_CONTROL_NET_CONFIG_H
#define HOST_CONTROL_NET_CONFIG_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/vm/error.h"
#include "services/network/filter.h"

/* As many as Hyper-V has: learn.microsoft.com, "Maximums for virtual
 * machines". */
#define RUN_NETS_MAX	     8
#define RUN_NET_QUEUES_MAX   64
#define RUN_NET_FORWARDS_MAX 32
#define RUN_NET_MTU_MIN	     576
#define RUN_NET_MTU_MAX	     65521
/* Of a tap it is an interface's (IFNAMSIZ). */
#define RUN_NET_NAME_BYTES_MAX 15
#define RUN_NET_MAC_BYTES      6
/* IEEE 802.1Q: 4095 is reserved. */
#define RUN_NET_VLAN_MAX 4094

enum run_net_backend {
	RUN_NET_USER, /* user-mode networking, without privileges */
	RUN_NET_TAP,
	RUN_NET_SWITCH, /* between VMs of this host */
	RUN_NET_BACKENDS
};

/* Members that run_net_set() was given: those that net.set changes. */
#define RUN_NET_GIVEN_MAC	0x1u
#define RUN_NET_GIVEN_VLAN	0x2u
#define RUN_NET_GIVEN_LINK	0x4u
#define RUN_NET_GIVEN_BANDWIDTH 0x8u
#define RUN_NET_GIVEN_OTHER	0x10u
#define RUN_NET_GIVEN_FUNCTION	0x20u

/* A port of the host that leads to one of the guest. */
struct run_net_forward {
	bool udp;
	struct in_addr host;  /* 0.0.0.0: every address of the host */
	struct in_addr guest; /* 0.0.0.0: the first that DHCP gives */
	uint16_t host_port;
	uint16_t guest_port;
};

struct run_net {
	enum run_net_backend backend;
	bool backend_given;
	uint32_t given;
	char name[RUN_NET_NAME_BYTES_MAX + 1]; /* of the tap or the switch */
	uint8_t mac[RUN_NET_MAC_BYTES];	       /* 0: made from the VM's name */
	uint32_t queues; /* 0: as many as the backend has for the VM's cpus */
	uint32_t mtu_bytes; /* the most that the guest may choose; 0: 9000 */
	bool monitored;	    /* the guest may signal through its monitor page */
	struct network_vlan vlan;
	bool link_down;
	uint64_t bits_per_second; /* each way; 0: no limit */
	uint32_t function; /* serial number of its virtual function; 0: none */
	struct run_net_forward forwards[RUN_NET_FORWARDS_MAX];
	uint32_t forward_count;
};

/* Sets the defaults; there is nothing to be released. */
void run_net_init(struct run_net *net);

/*
 * Takes an adapter from an option's text: KEY[=VALUE][,KEY[=VALUE]...]. Keys
 * are those of run_net_set(), and one of user, tap and switch is needed.
 * what: how the user called it, for the message.
 * Returns 0; -EINVAL when the text is wrong; -ENOMEM.
 */
int run_net_parse(struct run_net *net, const char *what, const char *text,
		  struct lis_error *err);

/*
 * Takes settings from a JSON object with the keys of run_net_set(), whose
 * values may be numbers, true, text or (forward) a list of texts.
 * whole: one of user, tap and switch is needed, as for a new adapter.
 */
int run_net_load(struct run_net *net, const char *what, json_t *object,
		 bool whole, struct lis_error *err);

/* The object that run_net_load() takes. */
json_t *run_net_json(const struct run_net *net);

/*
 * Sets one setting. Keys: user (a flag), tap (a name), switch (a name), mac
 * (six bytes in hex with colons), queues, mtu, monitored (a flag), vlan
 * (access: 1 to 4094; or none), trunk (VLANs and ranges joined by +), native
 * (of a trunk, 0: none), link (up or down), bandwidth (bits per second, with K,
 * M or G; 0: no limit), function (the serial number of its virtual function, or
 * none), forward (can be repeated): tcp or udp, then :[ADDRESS]:PORT of the
 * host, -[ADDRESS]:PORT of the guest.
 */
int run_net_set(struct run_net *net, const char *what, const char *key,
		const char *value, struct lis_error *err);

/*
 * Whether settings go together: 0; -EINVAL with @err set. run_net_parse() and
 * run_net_load() of a whole adapter ask it themselves.
 */
int run_net_check(const struct run_net *net, const char *what,
		  struct lis_error *err);

/* "00:15:5d:01:02:03". */
#define RUN_NET_MAC_TEXT_BYTES 18
void run_net_mac_text(const uint8_t mac[RUN_NET_MAC_BYTES],
		      char text[RUN_NET_MAC_TEXT_BYTES]);

/* "user", "tap" or "switch". */
const char *run_net_backend_name(enum run_net_backend backend);

/* As run_net_set() takes it. */
#define RUN_NET_FORWARD_TEXT_BYTES 64
void run_net_forward_text(const struct run_net_forward *forward,
			  char text[RUN_NET_FORWARD_TEXT_BYTES]);

/* The VLANs of a trunk, as run_net_set() takes them. */
#define RUN_NET_TRUNK_TEXT_BYTES 20480
void run_net_trunk_text(const struct network_vlan *vlan,
			char text[RUN_NET_TRUNK_TEXT_BYTES]);

#endif
