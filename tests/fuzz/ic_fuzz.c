// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Sessions of an integration component, one end of which lies. */
#include "tests/fuzz/ic_fuzz.h"

struct script {
	const u8 *at;
	size_t left_bytes;
};

struct packet {
	u8 bytes[IC_PACKET_MAX_BYTES];
	u32 size_bytes;
	u64 id;
};

struct session {
	const struct ic_fuzz_ends *ends;
	bool host_under_test;
	u64 now_100ns;
	struct packet unread; /* none while its size is 0 */
};

void ic_fuzz_require(bool truth)
{
	if (!truth)
		abort();
}

static u8 take_u8(struct script *script)
{
	if (!script->left_bytes)
		return 0;
	script->left_bytes--;
	return *script->at++;
}

static u16 take_u16(struct script *script)
{
	u16 low = take_u8(script);

	return (u16)(take_u8(script) << 8 | low);
}

static void take_bytes(struct script *script, u8 *to, size_t bytes)
{
	if (bytes > script->left_bytes)
		bytes = script->left_bytes;
	memcpy(to, script->at, bytes);
	script->at += bytes;
	script->left_bytes -= bytes;
}

/* In memory of just that size, so that one byte too many is seen. */
static u8 *exact_copy(const struct packet *packet)
{
	u8 *copy = malloc(packet->size_bytes ? packet->size_bytes : 1);

	ic_fuzz_require(copy != NULL);
	memcpy(copy, packet->bytes, packet->size_bytes);
	return copy;
}

static void end_session(struct session *session, enum vmbus_status status)
{
	ic_fuzz_require(strcmp(vmbus_status_text(status), "unknown status"));
	ic_fuzz_require(vmbus_status_is_violation(status));
	session->ends->check(session->now_100ns);
	session->ends->start(0);
	session->unread.size_bytes = 0;
}

static void host_takes(struct session *session, const struct packet *packet)
{
	u8 *copy = exact_copy(packet);
	enum vmbus_status status;

	status = session->ends->host_receive(copy, packet->size_bytes,
					     packet->id, session->now_100ns);
	free(copy);
	if (status)
		end_session(session, status);
}

/* Returns whether there is an answer. */
static bool guest_takes(struct session *session, const struct packet *packet,
			struct packet *answer)
{
	u8 *copy = exact_copy(packet);
	u8 *response = malloc(packet->size_bytes ? packet->size_bytes : 1);
	enum vmbus_status status;

	ic_fuzz_require(response != NULL);
	status = session->ends->guest_receive(
		copy, packet->size_bytes, session->now_100ns, response,
		packet->size_bytes, &answer->size_bytes);
	ic_fuzz_require(answer->size_bytes <= packet->size_bytes);
	ic_fuzz_require(!status || !answer->size_bytes);
	memcpy(answer->bytes, response, answer->size_bytes);
	answer->id = packet->id;
	free(copy);
	free(response);
	if (status)
		end_session(session, status);
	return answer->size_bytes != 0;
}

static bool host_sends(struct session *session, struct packet *packet)
{
	packet->size_bytes = session->ends->host_transmit(
		session->now_100ns, packet->bytes, sizeof(packet->bytes),
		&packet->id);
	ic_fuzz_require(packet->size_bytes <= sizeof(packet->bytes));
	return packet->size_bytes != 0;
}

static void bend(struct script *script, struct packet *packet)
{
	u8 cut = take_u8(script);
	u16 offset = take_u16(script);
	u8 count = take_u8(script);

	packet->size_bytes -=
		cut < packet->size_bytes ? cut : packet->size_bytes;
	if (offset + count <= packet->size_bytes)
		take_bytes(script, packet->bytes + offset, count);
}

static void exchange(struct session *session, struct script *script, bool lie)
{
	struct packet request, answer;

	if (!host_sends(session, &request))
		return;
	if (lie && !session->host_under_test)
		bend(script, &request);
	if (!guest_takes(session, &request, &answer))
		return;
	if (lie && session->host_under_test)
		bend(script, &answer);
	host_takes(session, &answer);
}

static void read_late(struct session *session)
{
	struct packet request = session->unread, answer;

	session->unread.size_bytes = 0;
	if (request.size_bytes && guest_takes(session, &request, &answer))
		host_takes(session, &answer);
}

static void raw(struct session *session, struct script *script)
{
	struct packet packet = { 0 }, answer;

	packet.size_bytes = take_u16(script) % (sizeof(packet.bytes) + 1);
	packet.id = take_u8(script);
	take_bytes(script, packet.bytes, packet.size_bytes);
	if (session->host_under_test)
		host_takes(session, &packet);
	else
		guest_takes(session, &packet, &answer);
}

static int run(struct session *session, const u8 *input, size_t input_bytes)
{
	struct script script = { input, input_bytes };

	session->ends->start(take_u8(&script));
	while (script.left_bytes) {
		switch (take_u8(&script) % IC_FUZZ_STEPS) {
		case IC_FUZZ_HONEST:
			exchange(session, &script, false);
			break;
		case IC_FUZZ_ADVANCE:
			session->now_100ns +=
				take_u16(&script) * (IC_SECOND_100NS / 10);
			break;
		case IC_FUZZ_POKE:
			session->ends->poke(take_u8(&script),
					    session->now_100ns);
			break;
		case IC_FUZZ_BEND:
			exchange(session, &script, true);
			break;
		case IC_FUZZ_RAW:
			raw(session, &script);
			break;
		case IC_FUZZ_LOSE:
			host_sends(session, &session->unread);
			break;
		default:
			read_late(session);
		}
		session->ends->check(session->now_100ns);
	}
	return 0;
}

int ic_fuzz_host(const struct ic_fuzz_ends *ends, const u8 *input,
		 size_t input_bytes)
{
	struct session session = { .ends = ends, .host_under_test = true };

	return run(&session, input, input_bytes);
}

int ic_fuzz_guest(const struct ic_fuzz_ends *ends, const u8 *input,
		  size_t input_bytes)
{
	struct session session = { .ends = ends };

	return run(&session, input, input_bytes);
}
