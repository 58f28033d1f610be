// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Persistent reservations between several nexuses, against SPC-4 5.13. */
#include "tests/unit/services/storage/scsi_rig.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, ABORT, IGNORE };

#define WE    LUN_RESERVE_WRITE_EXCLUSIVE
#define EA    LUN_RESERVE_EXCLUSIVE
#define WE_RO LUN_RESERVE_WRITE_EXCLUSIVE_REGISTRANTS
#define EA_RO LUN_RESERVE_EXCLUSIVE_REGISTRANTS
#define WE_AR LUN_RESERVE_WRITE_EXCLUSIVE_ALL
#define EA_AR LUN_RESERVE_EXCLUSIVE_ALL

static const u8 types[] = { WE, EA, WE_RO, EA_RO, WE_AR, EA_AR };

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_disk(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&rig);
	return 0;
}

static u8 out_flags(u8 nexus, u8 action, u8 type, u64 key, u64 action_key,
		    u8 flags)
{
	rig.nexus = nexus;
	memset(rig.data, 0, 24);
	be64_write(rig.data, key);
	be64_write(rig.data + 8, action_key);
	rig.data[20] = flags;
	return OUT(&rig, 24, 0x5f, action, type, 0, 0, 0, 0, 0, 24, 0);
}

static u8 out(u8 nexus, u8 action, u8 type, u64 key, u64 action_key)
{
	return out_flags(nexus, action, type, key, action_key, 0);
}

static u8 in(u8 action)
{
	return IN(&rig, 1024, 0x5e, action, 0, 0, 0, 0, 0, 4, 0, 0);
}

static u8 read_one(u8 nexus)
{
	rig.nexus = nexus;
	return IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
}

static u8 write_one(u8 nexus)
{
	rig.nexus = nexus;
	return OUT(&rig, 512, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
}

static u8 ready(u8 nexus)
{
	rig.nexus = nexus;
	return NO(&rig, 0);
}

#define assert_conflict(expression)                                            \
	assert_int_equal(expression, SCSI_RESERVATION_CONFLICT)

static void test_register(void **state)
{
	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_int_equal(rig.task.result.transferred, 24);
	assert_good(out(1, IGNORE, 0, 0x77, 0xb));
	/* A changed key wants the old one. */
	assert_conflict(out(0, REGISTER, 0, 0xb, 0xc));
	assert_good(out(0, REGISTER, 0, 0xa, 0xc));
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data), 3); /* generation */
	assert_int_equal(be32_read(rig.data + 4), 16);
	assert_int_equal(be64_read(rig.data + 8), 0xc);
	assert_int_equal(be64_read(rig.data + 16), 0xb);
	/* Taken back. */
	assert_good(out(1, REGISTER, 0, 0xb, 0));
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data + 4), 8);
	/* Not registered: the key must be 0. */
	assert_conflict(out(1, REGISTER, 0, 0xb, 0xd));
	assert_good(out(1, REGISTER, 0, 0, 0));
	/* The length tells of all where not all fit. */
	assert_good(out(1, REGISTER, 0, 0, 0xd));
	assert_good(IN(&rig, 8, 0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0));
	assert_int_equal(rig.task.result.transferred, 8);
	assert_int_equal(be32_read(rig.data + 4), 16);
}

/* Which commands pass, by type and by what the nexus is. */
static void test_conflicts(void **state)
{
	u32 i;

	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		bool we = types[i] == WE || types[i] == WE_RO ||
			  types[i] == WE_AR;
		bool registrants = types[i] >= WE_RO;

		assert_good(out(0, RESERVE, types[i], 0xa, 0));
		assert_good(read_one(0));
		assert_good(write_one(0));
		assert_false(rig.short_way);
		assert_int_equal(read_one(1),
				 we || registrants ? SCSI_GOOD
						   : SCSI_RESERVATION_CONFLICT);
		assert_int_equal(write_one(1),
				 registrants ? SCSI_GOOD
					     : SCSI_RESERVATION_CONFLICT);
		assert_int_equal(read_one(2),
				 we ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT);
		assert_conflict(write_one(2));
		assert_conflict(NO(&rig, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0));
		assert_conflict(NO(&rig, 0x1b, 0, 0, 0, 0, 0));
		/* Allowed to everybody. */
		assert_good(ready(2));
		assert_good(NO(&rig, 0x1b, 0, 0, 0, 1, 0));
		assert_good(IN(&rig, 36, 0x12, 0, 0, 0, 36, 0));
		assert_good(IN(&rig, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
		assert_good(in(1));
		assert_int_equal(be32_read(rig.data + 4), 16);
		assert_int_equal(be64_read(rig.data + 8),
				 types[i] >= WE_AR ? 0 : 0xa);
		assert_int_equal(rig.data[21], types[i]);
		assert_good(out(0, RELEASE, types[i], 0xa, 0));
		if (registrants)
			assert_sense(&rig, ready(1),
				     SENSE_RESERVATIONS_RELEASED);
		assert_good(write_one(2));
		assert_true(rig.short_way);
	}
	assert_good(in(1));
	assert_int_equal(be32_read(rig.data + 4), 0);
}

static void test_reserve(void **state)
{
	(void)state;
	/* Only who is registered, with its key. */
	assert_conflict(out(0, RESERVE, WE, 0, 0));
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	assert_conflict(out(0, RESERVE, WE, 0xb, 0));
	assert_good(out(0, RESERVE, WE, 0xa, 0));
	assert_good(out(0, RESERVE, WE, 0xa, 0)); /* again */
	assert_conflict(out(0, RESERVE, EA, 0xa, 0));
	assert_conflict(out(1, RESERVE, WE, 0xb, 0));
	/* Release by another does nothing, with another type is an error. */
	assert_good(out(1, RELEASE, WE, 0xb, 0));
	assert_conflict(write_one(1));
	assert_sense(&rig, out(0, RELEASE, EA, 0xa, 0),
		     SENSE_RELEASE_RESERVATION);
	assert_conflict(out(0, RELEASE, WE, 0xc, 0));
	/* The holder's registration goes, and with it the reservation. */
	assert_good(out(0, REGISTER, 0, 0xa, 0));
	assert_good(write_one(1));
	assert_good(ready(1)); /* nothing is told of this type */
	/* Held by all registrants: until the last goes. */
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(0, RESERVE, EA_AR, 0xa, 0));
	assert_good(out(1, RESERVE, EA_AR, 0xb, 0));
	assert_good(out(0, REGISTER, 0, 0xa, 0));
	assert_conflict(read_one(0));
	assert_good(out(1, REGISTER, 0, 0xb, 0));
	assert_good(read_one(0));
	assert_bad_cdb(
		&rig, (out(0, REGISTER, 0, 0, 0xa), out(0, RESERVE, 2, 0xa, 0)),
		2);
	assert_bad_cdb(&rig, out(0, RESERVE, 0x10 | WE, 0xa, 0), 2);
}

static void test_clear(void **state)
{
	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	assert_good(out(0, RESERVE, EA, 0xa, 0));
	assert_conflict(out(2, CLEAR, 0, 0, 0));
	assert_good(out(1, CLEAR, 0, 0xb, 0));
	assert_sense(&rig, ready(0), SENSE_RESERVATIONS_PREEMPTED);
	assert_good(ready(1));
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data), 3);
	assert_int_equal(be32_read(rig.data + 4), 0);
	assert_good(write_one(2));
}

static void test_preempt(void **state)
{
	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	assert_good(out(2, REGISTER, 0, 0, 0xc));
	assert_good(out(0, RESERVE, WE_RO, 0xa, 0));
	/* Of registrations only. */
	assert_good(out(1, PREEMPT, 0, 0xb, 0xc));
	assert_sense(&rig, ready(2), SENSE_REGISTRATIONS_PREEMPTED);
	assert_conflict(write_one(2));
	assert_good(write_one(1));
	assert_conflict(out(1, PREEMPT, 0, 0xb, 0xdd)); /* nobody's key */
	assert_sense(&rig, out(1, PREEMPT, 0, 0xb, 0),
		     SENSE_FIELD_IN_PARAMETERS);
	/* Of the reservation, with another type. */
	assert_good(out(2, REGISTER, 0, 0, 0xc));
	assert_good(out(1, PREEMPT, EA, 0xb, 0xa));
	assert_false(rig.task.notice & SCSI_NOTICE_ABORT);
	assert_sense(&rig, ready(0), SENSE_REGISTRATIONS_PREEMPTED);
	assert_sense(&rig, ready(2), SENSE_RESERVATIONS_RELEASED);
	assert_conflict(read_one(0));
	assert_conflict(read_one(2));
	assert_good(write_one(1));
	assert_good(in(1));
	assert_int_equal(be64_read(rig.data + 8), 0xb);
	assert_int_equal(rig.data[21], EA);
	assert_bad_cdb(&rig, out(1, PREEMPT, 0, 0xb, 0xb), 2);
	/* And with the tasks of who loses. */
	assert_good(out(2, ABORT, EA, 0xc, 0xb));
	assert_true(rig.task.notice & SCSI_NOTICE_ABORT);
	assert_int_equal(rig.task.abort_nexuses, 1 << 1);
}

static void test_preempt_all(void **state)
{
	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	assert_good(out(2, REGISTER, 0, 0, 0xb));
	assert_good(out(0, RESERVE, EA_AR, 0xa, 0));
	/* One key, of two: not the reservation. */
	assert_good(out(0, ABORT, 0, 0xa, 0xb));
	assert_int_equal(rig.task.abort_nexuses, 6);
	assert_sense(&rig, ready(1), SENSE_REGISTRATIONS_PREEMPTED);
	assert_conflict(read_one(1));
	assert_good(read_one(0));
	/* Key 0: all the others, and the reservation is the preempter's. */
	assert_sense(&rig, ready(2), SENSE_REGISTRATIONS_PREEMPTED);
	assert_good(out(2, REGISTER, 0, 0, 0xc));
	assert_good(out(2, PREEMPT, WE, 0xc, 0));
	assert_sense(&rig, ready(0), SENSE_REGISTRATIONS_PREEMPTED);
	assert_conflict(write_one(0));
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data + 4), 8);
	assert_int_equal(be64_read(rig.data + 8), 0xc);
	/* Preempting oneself out of registrations that all held. */
	assert_good(out(2, RELEASE, WE, 0xc, 0));
	assert_good(out(2, RESERVE, WE_AR, 0xc, 0));
	assert_good(out(2, PREEMPT, 0, 0xc, 0xc));
	assert_good(write_one(1));
	assert_good(in(1));
	assert_int_equal(be32_read(rig.data + 4), 0);
}

static void test_status(void **state)
{
	(void)state;
	assert_good(out(2, REGISTER, 0, 0, 0xc));
	assert_good(out(5, REGISTER, 0, 0, 0xf));
	assert_good(out(5, RESERVE, EA_RO, 0xf, 0));
	assert_good(in(3));
	assert_int_equal(be32_read(rig.data + 4), 2 * 48);
	assert_int_equal(be64_read(rig.data + 8), 0xc);
	assert_int_equal(rig.data[20], 0);
	assert_int_equal(be32_read(rig.data + 28), 24);
	assert_int_equal(be64_read(rig.data + 56), 0xf);
	assert_int_equal(rig.data[68], 1);
	assert_int_equal(rig.data[69], EA_RO);
	assert_memory_not_equal(rig.data + 32, rig.data + 80, 24);

	assert_good(in(2));
	assert_int_equal(rig.task.result.transferred, 8);
	assert_int_equal(be16_read(rig.data), 8);
	assert_int_equal(rig.data[2], 0); /* not through power loss */
	assert_int_equal(rig.data[3] & 0x81, 0x80);
	assert_int_equal(rig.data[4], 0xea);
	assert_int_equal(rig.data[5], 0x01);
	assert_bad_cdb(&rig, in(4), 1);
}

static void test_refused(void **state)
{
	(void)state;
	assert_sense(&rig, out_flags(0, REGISTER, 0, 0, 0xa, 1),
		     SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 20);
	assert_sense(&rig, out_flags(0, REGISTER, 0, 0, 0xa, 8),
		     SENSE_FIELD_IN_PARAMETERS);
	assert_sense(&rig, out_flags(0, IGNORE, 0, 0, 0xa, 4),
		     SENSE_FIELD_IN_PARAMETERS);
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data + 4), 0);
	/* Through power loss or not is a matter of registering alone. */
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out_flags(0, RESERVE, WE, 0xa, 0, 1));
	assert_sense(&rig, OUT(&rig, 24, 0x5f, 0, 0, 0, 0, 0, 0, 0, 23, 0),
		     SENSE_PARAMETER_LENGTH);
	assert_sense(&rig, OUT(&rig, 25, 0x5f, 0, 0, 0, 0, 0, 0, 0, 25, 0),
		     SENSE_PARAMETER_LENGTH);
	assert_sense(&rig, OUT(&rig, 23, 0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0),
		     SENSE_FIELD_IN_CDB);
	assert_bad_cdb(&rig, OUT(&rig, 24, 0x5f, 7, 0, 0, 0, 0, 0, 0, 24, 0),
		       1);
}

static void test_loss(void **state)
{
	(void)state;
	assert_good(out(0, REGISTER, 0, 0, 0xa));
	assert_good(out(1, REGISTER, 0, 0, 0xb));
	assert_good(out(0, RESERVE, EA_RO, 0xa, 0));
	/* A reset leaves it. */
	lun_reset(&rig.lun, LUN_DEVICE_RESET);
	assert_sense(&rig, ready(2), SENSE_DEVICE_RESET);
	assert_conflict(read_one(2));
	/* Its initiator's end does not. */
	lun_nexus_lost(&rig.lun, 0);
	assert_sense(&rig, ready(1), SENSE_DEVICE_RESET);
	assert_sense(&rig, ready(1), SENSE_RESERVATIONS_RELEASED);
	assert_good(read_one(2));
	assert_sense(&rig, ready(0), SENSE_POWER_ON);
	assert_good(out(1, RESERVE, EA, 0xb, 0));
	lun_reset(&rig.lun, LUN_POWER_ON);
	assert_sense(&rig, ready(2), SENSE_POWER_ON);
	assert_good(write_one(2));
	assert_good(in(0));
	assert_int_equal(be32_read(rig.data), 0);
	assert_int_equal(be32_read(rig.data + 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_register, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conflicts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clear, setup, teardown),
		cmocka_unit_test_setup_teardown(test_preempt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_preempt_all, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loss, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
