/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sim_guest.h - a guest for the simulated machine: the project's own guest end
 * of the bus and of the six integration components, with daemons that keep
 * everything in memory.
 *
 * Here: one well-behaved guest, its pools, files and frozen state, and the
 * switches that make it behave less well. Not here: the machine
 * (sim_machine.h), the VM process (sim_vm.h).
 *
 * The guest's state is one for the whole program, as are machines. It outlives
 * a restart, as a disk does. Fields are read and written under sim_guest_lock.
 */
#ifndef TESTS_SIM_MACHINE_SIM_GUEST_H
#define TESTS_SIM_MACHINE_SIM_GUEST_H

#include <pthread.h>

#include "host/control/service_names.h"
#include "services/fcopy/vsc.h"
#include "services/heartbeat/vsc.h"
#include "services/kvp/vsc.h"
#include "services/shutdown/vsc.h"
#include "services/timesync/vsc.h"
#include "services/vss/vsc.h"
#include "tests/sim_machine/sim_machine.h"
#include "vmbus/guest.h"
#include "vmbus/packet.h"
#include "vmbus/ring.h"

#define SIM_GUEST_CHANNELS   32
#define SIM_GUEST_GPADLS     32
#define SIM_GUEST_JOBS	     64
#define SIM_GUEST_RING_PAGES 4 /* of one direction */
#define SIM_GUEST_FILES	     8
#define SIM_GUEST_FOLDERS    16
#define SIM_UNLIMITED	     (~0u)

/* What the guest does once it has agreed to end. */
enum sim_shutdown {
	SIM_SHUTDOWN_OBEY,
	SIM_SHUTDOWN_IDLE,   /* agrees, and goes on */
	SIM_SHUTDOWN_REFUSE, /* answers IC_E_FAIL */
};

struct sim_file {
	char path[512]; /* "": none */
	u8 *bytes;
	u64 size_bytes; /* written */
	u64 room_bytes;
	bool complete;
};

struct sim_pool {
	struct kvp_item *items;
	u32 count;
};

/* One channel that was offered. */
struct sim_guest_channel {
	bool used;
	bool open;
	int service; /* enum service_index, SIM_STORAGE, SIM_NET, or -1 */
	u32 relid;
	u32 connection_id;
	u32 gpadl;
	u64 pfns[2 * SIM_GUEST_RING_PAGES];
	void *at[2]; /* what the guest writes, what the host does */
	struct ring tx;
	struct ring rx;
};

struct sim_guest {
	/* Switches of the test. */
	u32 newest_version;	       /* of the bus; 0: all */
	bool driver[SERVICE_COUNT];    /* opens the channel when offered */
	bool no_daemon[SERVICE_COUNT]; /* answers IC_E_FAIL, as Linux does */
	u32 allowance[SERVICE_COUNT];  /* packets that it will still take */
	/* Waits for space to answer in, which Linux does not. */
	bool patient;
	bool hung; /* takes neither messages nor packets */
	enum sim_shutdown shutdown;
	u32 freeze_status;	 /* HRESULT of the next freezes */
	u64 disk_bytes;		 /* files may have in all */
	char cannot_create[512]; /* a path that fails with IC_E_FAIL */
	u32 thaw_refusals;	 /* so many thaws end with IC_E_FAIL */

	/* What it has and what came of it. */
	struct sim_pool pools[KVP_POOL_COUNT];
	struct kvp_ip_info ip;
	u32 ip_sets;
	char ip_adapter[KVP_ADAPTER_UNITS]; /* that was set last */
	struct sim_file files[SIM_GUEST_FILES];
	struct sim_file *file; /* being written */
	char folders[SIM_GUEST_FOLDERS][512];
	bool frozen;
	u32 freezes;
	u32 thaws;
	u32 syncs;
	u32 samples;
	u32 packets[SERVICE_COUNT]; /* taken */
	u32 boots;
	u32 connections;
	bool connected;
	bool crashed; /* and was followed by a kernel without a farewell */
	bool offers_delivered;
	struct shutdown_action last_shutdown;
	char typed[256];
	u32 typed_bytes;
	const char *wrong; /* the host broke the protocol, else NULL */

	/* The guest thread's own. */
	struct machine *machine; /* NULL between machines */
	bool stop;
	enum machine_stop stop_reason;
	bool post_again;
	bool reconnect;
	struct vmbus_guest engine;
	struct vmbus_guest_channel channel_table[SIM_GUEST_CHANNELS];
	struct vmbus_guest_gpadl gpadl_table[SIM_GUEST_GPADLS];
	struct vmbus_guest_job job_table[SIM_GUEST_JOBS];
	struct sim_guest_channel channels[SIM_GUEST_CHANNELS];
	struct shutdown_action shutdown_action;
	struct heartbeat_vsc heartbeat;
	struct shutdown_vsc shutdown_vsc;
	struct timesync_vsc timesync;
	struct kvp_vsc kvp;
	struct vss_vsc vss;
	struct fcopy_vsc fcopy;
	u8 packet[IC_PACKET_MAX_BYTES + 64];
	u8 answer[IC_PACKET_MAX_BYTES + 64];
};

extern struct sim_guest sim_guest;

void sim_guest_lock(void);
void sim_guest_unlock(void);

/* That lock itself, to wait with. */
pthread_mutex_t *sim_guest_mutex(void);

/* As after the installation of the program: all daemons run, disk is empty.
 * Before a machine is made. */
void sim_guest_reset(void);

/* For sim_machine_runs. */
void sim_guest_run(struct machine *machine);

/*
 * Have @what done on the guest's thread, between two of its steps, under the
 * lock, and wait for it. Ends the program when no guest does so in time.
 */
void sim_guest_do(void (*what)(struct sim_guest *guest, void *context),
		  void *context);

/* The guest looks again at its switches. */
void sim_guest_kick(void);

/* Under the lock: the open channel of a service, or NULL. */
struct sim_guest_channel *sim_guest_channel(enum service_index service);

/* Under the lock: the daemons (sim_daemons.c). The result is an HRESULT. */
u32 sim_kvp_answer(struct sim_guest *guest, struct kvp_request *request);
u32 sim_fcopy_answer(struct sim_guest *guest,
		     const struct fcopy_request *request);
u32 sim_vss_answer(struct sim_guest *guest, u8 operation);
void sim_pool_set(struct sim_guest *guest, u32 pool, const char *key,
		  const char *text);
const struct sim_file *sim_file_find(const struct sim_guest *guest,
				     const char *path);
void sim_files_forget(struct sim_guest *guest);

/* For sim_guest_do: things that guests do. @context is NULL unless said. */
void sim_guest_unload(struct sim_guest *guest, void *context); /* reconnects */
void sim_guest_power_off(struct sim_guest *guest, void *context);
void sim_guest_restart(struct sim_guest *guest, void *context);
void sim_guest_triple_fault(struct sim_guest *guest, void *context);
void sim_guest_break(struct sim_guest *guest, void *context);
void sim_guest_panic(struct sim_guest *guest, void *context); /* text or NULL */
void sim_guest_print(struct sim_guest *guest, void *context); /* text */
/* Its kernel dies silently and another one connects. */
void sim_guest_crash_kernel(struct sim_guest *guest, void *context);

#endif
