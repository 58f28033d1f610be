/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/internal.h"

#include "host/vm/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Takes a vCPU out of KVM_RUN; nothing else in the process uses it. */
#define KICK_SIGNAL (SIGRTMIN + 1)

static void kicked(int number)
{
	(void)number;
}

int vcpu_prepare_signals(struct lis_error *err)
{
	struct sigaction action = { .sa_handler = kicked };

	if (sigaction(KICK_SIGNAL, &action, NULL))
		return lis_error_set(err, errno,
				     "cannot handle the vCPU signal: %s",
				     strerror(errno));
	return 0;
}

/*
 * A vCPU about to enter KVM_RUN sees immediate_exit, one inside gets the
 * signal: none is missed.
 */
void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	if (vcpu->has_thread)
		pthread_kill(vcpu->thread, KICK_SIGNAL);
}

/* Signals of the process are for its other threads. */
static void block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

/* Wait while the machine is paused; false when the thread must end. */
static bool wait_to_run(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	bool go_on;

	pthread_mutex_lock(&machine->lock);
	machine->running--;
	pthread_cond_broadcast(&machine->changed);
	while ((machine->state == MACHINE_PAUSED || machine->held) &&
	       !machine->leaving)
		pthread_cond_wait(&machine->changed, &machine->lock);
	go_on = !machine->leaving;
	if (go_on) {
		machine->running++;
		__atomic_store_n(&vcpu->run->immediate_exit, 0,
				 __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&machine->lock);
	return go_on;
}

/*
 * The first vCPU to come here stops the machine: it waits for the others to
 * leave their loops, then tells the owner.
 */
static void stop_machine(struct vcpu *vcpu, enum machine_stop reason,
			 const struct lis_error *text)
{
	struct machine *machine = vcpu->machine;
	bool first;
	u32 i;

	pthread_mutex_lock(&machine->lock);
	machine->running--;
	first = !machine->leaving;
	if (first) {
		machine->leaving = true;
		machine->state = MACHINE_STOPPED;
		for (i = 0; i < machine->vcpu_count; i++)
			if (&machine->vcpus[i] != vcpu)
				vcpu_kick(&machine->vcpus[i]);
		pthread_cond_broadcast(&machine->changed);
		while (machine->threads > 1)
			pthread_cond_wait(&machine->changed, &machine->lock);
	}
	pthread_mutex_unlock(&machine->lock);
	if (first && machine->ops.stopped)
		machine->ops.stopped(machine->context, reason, text->text);
}

/* Until the machine ends; true when this vCPU is the reason. */
static bool run_vcpu(struct vcpu *vcpu, enum machine_stop *reason,
		     struct lis_error *text)
{
	for (;;) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (!exit_handle(vcpu, reason, text))
				return true;
			continue;
		}
		if (errno == EINTR) {
			if (!wait_to_run(vcpu))
				return false;
		} else if (errno != EAGAIN) {
			*reason = MACHINE_STOP_ERROR;
			lis_error_set(text, errno,
				      "KVM could not run vCPU %u: %s",
				      vcpu->index, strerror(errno));
			return true;
		}
	}
}

void *vcpu_thread(void *argument)
{
	struct vcpu *vcpu = argument;
	struct machine *machine = vcpu->machine;
	enum machine_stop reason = MACHINE_STOP_ERROR;
	struct lis_error text = { "" };
	bool ended = false;

	block_signals();
	if (machine->sandboxed &&
	    sandbox_enter(sandbox_vcpu_rules, sandbox_vcpu_rule_count, &text))
		ended = true;
	if (!ended)
		ended = run_vcpu(vcpu, &reason, &text);
	if (ended)
		stop_machine(vcpu, reason, &text);
	pthread_mutex_lock(&machine->lock);
	machine->threads--;
	pthread_cond_broadcast(&machine->changed);
	pthread_mutex_unlock(&machine->lock);
	return NULL;
}
