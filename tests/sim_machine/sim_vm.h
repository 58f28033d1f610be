/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sim_vm.h - a whole VM process on the simulated machine, in a thread of the
 * test, and what asks it over its socket.
 *
 * Here: start, end, calls and their checks, for cmocka tests. Not here: the
 * guest (sim_guest.h).
 */
#ifndef TESTS_SIM_MACHINE_SIM_VM_H
#define TESTS_SIM_MACHINE_SIM_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "host/control/client.h"
#include "host/control/config.h"
#include "tests/sim_machine/sim_guest.h"

/* Long enough for whatever is to happen at all, on the slowest machine. */
#define SIM_PATIENCE_MS 60000

/* Wait until an expression is true; the test fails when it never is. */
#define SIM_UNTIL(expression)                                                  \
	do {                                                                   \
		int sim_left = SIM_PATIENCE_MS / 5;                            \
                                                                               \
		while (!(expression)) {                                        \
			if (!sim_left--)                                       \
				fail_msg("never: %s", #expression);            \
			sim_sleep_ms(5);                                       \
		}                                                              \
	} while (0)

void sim_sleep_ms(unsigned int ms);

#define SIM_FOLDER_BYTES 32

/* Makes a folder for images, in memory where the machine has such: a flush to
 * a disk that others keep busy was seen to take longer than a test waits. */
void sim_folder_make(char path[SIM_FOLDER_BYTES]);

/*
 * Fixtures: a VM named "simvm" with a fresh guest, one connection to it, every
 * service enabled and "OK". The end turns the VM off, unless the test has ended
 * it, and checks that the guest saw no violation of the host and that nothing
 * stayed mapped.
 */
int sim_vm_setup(void **state);
int sim_vm_teardown(void **state);

#define SIM_TEST(name)                                                         \
	cmocka_unit_test_setup_teardown(name, sim_vm_setup, sim_vm_teardown)

/* The connection of the fixture. */
extern struct vm_client *sim_client;

/* What else sim_vm_setup sets, or NULL. */
extern void (*sim_vm_prepare)(struct run_config *config);

/* Settings of VMs started from now on; sim_vm_setup sets the defaults. */
extern struct run_config sim_config;

/* The same in steps, for tests with their own ways. */
void sim_vm_start(void);
int sim_vm_end(struct lis_error *error); /* waits; vm_process_run's result */
bool sim_vm_running(void);

/* Another connection; close it with vm_client_close. */
struct vm_client *sim_connect(void);

/* A call that must succeed: its result, a new reference. @params: taken. */
json_t *sim_call(struct vm_client *client, const char *method, json_t *params);

/* The same, for results that do not matter. */
void sim_ok(struct vm_client *client, const char *method, json_t *params);

/* A call that must fail for @reason ("": parameters). @params: taken. */
void sim_refused(struct vm_client *client, const char *method, json_t *params,
		 const char *reason);

/* Send a request; its id. */
uint64_t sim_send(struct vm_client *client, const char *method, json_t *params);

/* The answer to a request sent before, notifications set aside: NULL and
 * @reason (32 bytes) filled when it is an error. */
json_t *sim_answer(struct vm_client *client, uint64_t id, char *reason);

/* The next notification of @method whose "event" is @event (NULL: any), as a
 * new reference to its params. */
json_t *sim_notified(struct vm_client *client, const char *method,
		     const char *event);

/* A member of vm.services's row of a service, as text; valid until the next
 * call. */
const char *sim_service(enum service_index service, const char *member);

/* Whether the service has that primary status now. */
bool sim_status_is(enum service_index service, const char *status);

/* Every enabled service is "OK". */
void sim_all_ok(void);

/* Under the lock for one expression. */
#define SIM_GUEST(expression)                                                  \
	({                                                                     \
		__typeof__(expression) sim_value;                              \
                                                                               \
		sim_guest_lock();                                              \
		sim_value = (expression);                                      \
		sim_guest_unlock();                                            \
		sim_value;                                                     \
	})

#endif
