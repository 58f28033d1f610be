/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ring - packets per second through a ring, beside the limit of any ring: one
 * plain copy of the same bytes into memory and one out of it again.
 *
 *	bench_ring [--rounds N] [--ring-kib N] [--json PATH]
 *
 * Each case is measured in short rounds, copy and ring in turn, and the ratio
 * is the median over the rounds: what else runs on the machine slows both. A
 * round in which the kernel gave a thread's core to somebody else is repeated,
 * and how many were is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/vmbus/ring_memory.h"
#include "vmbus/packet.h"

#define ROUNDS_MOST   1001u
#define ROUND_BYTES   (4u << 20) /* of payload, at most, in one round */
#define ROUND_PACKETS 10000u
#define READ_MOST     32u /* packets that the reading thread takes at a time */
#define IDLE_PAUSES   64u /* between two looks at an empty or full ring */
#define REPEATS_MOST  10u /* of each round; then it counts as it is */

static const u32 sizes_bytes[] = { 64, 256, 1500, 16384, 65536 };
static const u32 batches[] = { 1, 32 };

#define RESULTS (2 * PORT_ARRAY_SIZE(batches) * PORT_ARRAY_SIZE(sizes_bytes))

struct bench {
	struct ring_memory memory;
	struct ring_memory middle; /* for plain copies: memory as the ring's */
	u32 place;		   /* in middle, of the next copy */
	u8 *source;
	u8 *sink;
	struct ring_vec vec;
	struct packet_out out;
	u32 size_bytes;
	u32 batch;
	u32 packets; /* in one round, a multiple of batch */
	/* Two threads: between rounds the reader sleeps at the barrier. */
	pthread_barrier_t barrier;
	bool reader_runs;
	bool over;
	u64 reader_preemptions;
};

struct result {
	u32 size_bytes, batch, threads, ring_bytes;
	double copies_per_s, packets_per_s;
	double ratio; /* the median of each round's own */
	u32 repeated; /* rounds */
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* How often this thread had to leave its core. */
static u64 preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (u64)usage.ru_nivcsw;
}

/* Leave the ring's header to the other thread for a while. */
static void idle(void)
{
	u32 i;

	for (i = 0; i < IDLE_PAUSES; i++)
		relax();
}

static void run_on(u32 cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Where it is refused, the scheduler places the thread. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_ring: %s\n", what);
	exit(1);
}

static void check(enum vmbus_status status)
{
	if (status)
		die(vmbus_status_text(status));
}

/* The limit: in and out again, in the same groups and over as much memory. */
static double time_copies(struct bench *bench)
{
	u32 step = (bench->size_bytes + 7) & ~7u;
	u32 last = bench->middle.size_bytes - step;
	u32 in = bench->place, out = bench->place, done, i;
	u8 *middle = bench->middle.data;
	double start = seconds();

	for (done = 0; done < bench->packets; done += bench->batch) {
		for (i = 0; i < bench->batch; i++) {
			memcpy(middle + in, bench->source, bench->size_bytes);
			in = in + step > last ? 0 : in + step;
		}
		for (i = 0; i < bench->batch; i++) {
			memcpy(bench->sink, middle + out, bench->size_bytes);
			out = out + step > last ? 0 : out + step;
		}
	}
	bench->place = in;
	return seconds() - start;
}

static void write_batch(const struct bench *bench, struct ring *tx)
{
	const struct packet_out *out = &bench->out;
	u32 batch = bench->batch, i;
	enum vmbus_status status;

	for (i = 0; i < batch; i++) {
		while ((status = packet_write(tx, out)) == VMBUS_AGAIN) {
			ring_publish(tx);
			idle();
		}
		check(status);
	}
	ring_publish(tx);
}

/* Copy out up to @most packets, then give back their space. How many. */
static u32 read_batch(const struct bench *bench, struct ring *rx, u32 most)
{
	u8 *sink = bench->sink;
	struct packet_view view;
	enum vmbus_status status;
	u32 i;

	for (i = 0; i < most; i++) {
		status = packet_peek(rx, &view, NULL, 0);
		if (status == VMBUS_AGAIN)
			break;
		check(status);
		port_copy_bulk(sink, view.payload, bench->size_bytes);
		packet_consume(rx, &view);
	}
	ring_release(rx);
	return i;
}

static void attach_writer(struct bench *bench, struct ring *tx)
{
	struct ring_memory *memory = &bench->memory;

	check(ring_init_writer(tx, memory->header, memory->data,
			       memory->size_bytes, true));
}

static void attach_reader(struct bench *bench, struct ring *rx)
{
	struct ring_memory *memory = &bench->memory;

	check(ring_init_reader(rx, memory->header, memory->data,
			       memory->size_bytes, true));
}

static double time_one_thread(struct bench *bench)
{
	struct ring tx, rx;
	double start;
	u32 done;

	attach_writer(bench, &tx);
	attach_reader(bench, &rx);
	start = seconds();
	for (done = 0; done < bench->packets; done += bench->batch) {
		write_batch(bench, &tx);
		if (read_batch(bench, &rx, bench->batch) != bench->batch)
			die("a packet is missing");
	}
	return seconds() - start;
}

static void *reader_main(void *context)
{
	struct bench *bench = context;
	struct ring rx;
	u32 done, count;

	run_on(1);
	for (;;) {
		pthread_barrier_wait(&bench->barrier);
		if (bench->over)
			return NULL;
		attach_reader(bench, &rx);
		port_store_release(&bench->reader_runs, true);
		for (done = 0; done < bench->packets; done += count) {
			count = read_batch(bench, &rx, READ_MOST);
			if (!count)
				idle();
		}
		bench->reader_preemptions = preemptions();
		port_store_release(&bench->reader_runs, false);
	}
}

/* From both threads running until the last packet has been read. */
static double time_two_threads(struct bench *bench)
{
	struct ring tx;
	double start;
	u32 done;

	attach_writer(bench, &tx);
	pthread_barrier_wait(&bench->barrier);
	while (!port_load_acquire(&bench->reader_runs))
		relax();
	start = seconds();
	for (done = 0; done < bench->packets; done += bench->batch)
		write_batch(bench, &tx);
	while (port_load_acquire(&bench->reader_runs))
		relax();
	return seconds() - start;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, u32 count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return count % 2 ? values[count / 2]
			 : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void measure(struct bench *bench, u32 rounds, struct result *result,
		    double (*time_ring)(struct bench *))
{
	static double copies[ROUNDS_MOST], packets[ROUNDS_MOST],
		ratios[ROUNDS_MOST];
	u32 repeats_most = rounds * REPEATS_MOST;
	u64 before, after;
	u32 i = 0;

	/* Caches and page tables are warm after a round that does not count. */
	time_copies(bench);
	time_ring(bench);
	while (i < rounds) {
		before = preemptions() + bench->reader_preemptions;
		copies[i] = bench->packets / time_copies(bench);
		packets[i] = bench->packets / time_ring(bench);
		ratios[i] = packets[i] / copies[i];
		after = preemptions() + bench->reader_preemptions;
		if (after != before && result->repeated < repeats_most)
			result->repeated++;
		else
			i++;
	}
	result->copies_per_s = median(copies, rounds);
	result->packets_per_s = median(packets, rounds);
	result->ratio = median(ratios, rounds);
}

static void measure_two_threads(struct bench *bench, u32 rounds,
				struct result *result)
{
	pthread_t reader;

	bench->over = false;
	if (pthread_barrier_init(&bench->barrier, NULL, 2) ||
	    pthread_create(&reader, NULL, reader_main, bench))
		die("cannot start a second thread");
	measure(bench, rounds, result, time_two_threads);
	bench->over = true;
	pthread_barrier_wait(&bench->barrier);
	pthread_join(reader, NULL);
	pthread_barrier_destroy(&bench->barrier);
}

static void prepare(struct bench *bench, u32 ring_bytes)
{
	u32 packets = ROUND_BYTES / bench->size_bytes;
	u32 batch_bytes =
		bench->batch * packet_ring_bytes(0, bench->size_bytes);

	while (ring_bytes < 2 * batch_bytes)
		ring_bytes *= 2;
	if (packets > ROUND_PACKETS)
		packets = ROUND_PACKETS;
	bench->packets = packets / bench->batch * bench->batch;
	bench->source = aligned_alloc(4096, 65536);
	bench->sink = aligned_alloc(4096, 65536);
	if (!ring_memory_create(&bench->memory, ring_bytes, true) ||
	    !ring_memory_create(&bench->middle, ring_bytes, true) ||
	    !bench->source || !bench->sink)
		die("not enough memory");
	memset(bench->middle.data, 1, ring_bytes);
	memset(bench->source, 2, 65536);
	memset(bench->sink, 3, 65536);
	bench->vec = (struct ring_vec){ bench->source, bench->size_bytes };
	bench->out = (struct packet_out){ .type = PACKET_DATA_INBAND,
					  .vec = &bench->vec,
					  .vec_count = 1 };
}

static void clean_up(struct bench *bench)
{
	ring_memory_destroy(&bench->memory);
	ring_memory_destroy(&bench->middle);
	free(bench->source);
	free(bench->sink);
}

static void print_json(FILE *file, const struct result *results, u32 count,
		       u32 rounds)
{
	const struct result *result;
	u32 i;

	fprintf(file, "{\n  \"bench\": \"ring\",\n  \"rounds\": %u,\n", rounds);
	fprintf(file, "  \"results\": [\n");
	for (i = 0; i < count; i++) {
		result = &results[i];
		fprintf(file,
			"    {\"threads\": %u, \"size_bytes\": %u, "
			"\"batch\": %u, \"ring_bytes\": %u,\n"
			"     \"packets_per_s\": %.0f, "
			"\"copies_per_s\": %.0f, \"ratio\": %.4f, "
			"\"repeated_rounds\": %u}%s\n",
			result->threads, result->size_bytes, result->batch,
			result->ring_bytes, result->packets_per_s,
			result->copies_per_s, result->ratio, result->repeated,
			i + 1 < count ? "," : "");
	}
	fprintf(file, "  ]\n}\n");
}

static u32 number_of(const char *text, u32 most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value == 0 || value > most) {
		fprintf(stderr, "bench_ring: %s: not a number from 1 to %u\n",
			text, most);
		exit(2);
	}
	return (u32)value;
}

struct options {
	u32 rounds;
	u32 ring_kib;
	const char *json;
};

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "ring-kib", required_argument, NULL, 'k' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	struct options options = { .rounds = 31, .ring_kib = 128 };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'r') {
			options.rounds = number_of(optarg, ROUNDS_MOST);
		} else if (option == 'k') {
			options.ring_kib = number_of(optarg, 65536);
		} else if (option == 'j') {
			options.json = optarg;
		} else {
			fprintf(stderr, "usage: bench_ring [--rounds N] "
					"[--ring-kib N] [--json PATH]\n");
			exit(2);
		}
	}
	if (options.ring_kib % 4 || options.ring_kib < 4) {
		fprintf(stderr, "bench_ring: a ring is whole pages: "
				"--ring-kib is a multiple of 4\n");
		exit(2);
	}
	return options;
}

static void run_case(struct result *result, const struct options *options)
{
	struct bench bench = { .size_bytes = result->size_bytes,
			       .batch = result->batch };

	prepare(&bench, options->ring_kib * 1024);
	result->ring_bytes = bench.memory.size_bytes;
	if (result->threads == 1)
		measure(&bench, options->rounds, result, time_one_thread);
	else
		measure_two_threads(&bench, options->rounds, result);
	clean_up(&bench);
	printf("%7u %6u %6u %9u %12.0f %12.0f %8.1f %% %9u\n", result->threads,
	       result->size_bytes, result->batch, result->ring_bytes / 1024,
	       result->packets_per_s, result->copies_per_s, 100 * result->ratio,
	       result->repeated);
	fflush(stdout);
}

static void write_json(const struct result *results, u32 count,
		       const struct options *options)
{
	FILE *file = fopen(options->json, "w");

	if (!file) {
		fprintf(stderr, "bench_ring: cannot write %s: %s\n",
			options->json, strerror(errno));
		exit(1);
	}
	print_json(file, results, count, options->rounds);
	if (fclose(file)) {
		fprintf(stderr, "bench_ring: cannot write %s: %s\n",
			options->json, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct result results[RESULTS];
	u32 count = 0, threads, size, batch;

	run_on(0);
	printf("%7s %6s %6s %9s %12s %12s %10s %9s\n", "threads", "bytes",
	       "batch", "ring KiB", "packets/s", "copies/s", "ratio",
	       "repeated");
	for (threads = 1; threads <= 2; threads++) {
		for (batch = 0; batch < PORT_ARRAY_SIZE(batches); batch++) {
			for (size = 0; size < PORT_ARRAY_SIZE(sizes_bytes);
			     size++) {
				results[count] = (struct result){
					.size_bytes = sizes_bytes[size],
					.batch = batches[batch],
					.threads = threads,
				};
				run_case(&results[count++], &options);
			}
		}
	}
	if (options.json)
		write_json(results, count, &options);
	return 0;
}
