/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/component/forward.h"

#define READ_AHEAD_BYTES (256u << 10)
/* How much of a copy passes between two reports of progress, at least. */
#define PROGRESS_STEP_BYTES (64u << 10)

/* The host's file, read ahead by the loop's worker threads. */
struct source {
	int fd; /* -1: none */
	uv_fs_t read;
	bool reading;
	char *buffer;
	u64 start; /* offset of the buffer's first byte */
	u32 filled;
};

struct fcopy_component {
	struct component base; /* first */
	struct fcopy_vsp vsp;
	struct source source;
	char *source_path;
	u64 reported_bytes;
	int read_error; /* errno that ended the copy, 0: none */
	bool shrunk;	/* the file ended early */
	void (*progress)(void *context, u64 sent_bytes, u64 total_bytes);
	component_done *done; /* NULL: no copy under way */
	void *context;
};

COMPONENT_FORWARD(fcopy)
COMPONENT_FORWARD_SENDING(fcopy)

static const char *reason_of(enum fcopy_status status)
{
	switch (status) {
	case FCOPY_BUSY:
		return "busy";
	case FCOPY_NOT_READY:
	case FCOPY_CLOSED:
		return "no-contact";
	case FCOPY_NAME_TOO_LONG:
	case FCOPY_FOLDER_TOO_LONG:
	case FCOPY_FOLDER_TOO_LONG_UIO:
		return "too-long";
	case FCOPY_EXISTS:
		return "exists";
	case FCOPY_NO_FOLDER:
		return "path-not-found";
	case FCOPY_NO_DAEMON:
		return "no-daemon";
	case FCOPY_NO_ANSWER:
		return "timeout";
	case FCOPY_CANCELLED:
		return "cancelled";
	case FCOPY_NOT_CREATED:
	case FCOPY_DISK_FULL:
	case FCOPY_ACCESS_DENIED:
	case FCOPY_NOT_WRITTEN:
	case FCOPY_GUEST_ERROR:
		return "guest-error";
	default:
		return "refused";
	}
}

static void source_close(struct source *source)
{
	/* A read under way keeps its memory until it ends. */
	if (source->reading)
		return;
	if (source->fd >= 0)
		close(source->fd);
	free(source->buffer);
	source->fd = -1;
	source->buffer = NULL;
	source->filled = 0;
}

static void answer_of(const struct fcopy_component *self,
		      struct component_answer *answer, enum fcopy_status status,
		      u32 guest_status, bool partial_left)
{
	const char *left = partial_left
				   ? "; a part of the file may be left in the "
				     "guest"
				   : "";

	answer->ok = status == FCOPY_OK;
	if (answer->ok)
		return;
	if (self->read_error)
		component_answer_fail(answer, "io", "cannot read %s: %s%s",
				      self->source_path,
				      strerror(self->read_error), left);
	else if (self->shrunk)
		component_answer_fail(answer, "io",
				      "%s became shorter while it was being "
				      "copied%s",
				      self->source_path, left);
	else if (status == FCOPY_GUEST_ERROR)
		component_answer_fail(
			answer, reason_of(status), "%s (0x%08x)%s",
			fcopy_status_text(status), guest_status, left);
	else
		component_answer_fail(answer, reason_of(status), "%s%s",
				      fcopy_status_text(status), left);
}

static void finish(struct fcopy_component *self,
		   const struct component_answer *answer)
{
	component_done *done = self->done;

	self->done = NULL;
	source_close(&self->source);
	free(self->source_path);
	self->source_path = NULL;
	if (done)
		done(self->context, answer);
}

static void read_done(uv_fs_t *request)
{
	struct fcopy_component *self = request->data;
	struct source *source = &self->source;
	ssize_t count = request->result;

	uv_fs_req_cleanup(request);
	source->reading = false;
	if (!self->done) {
		/* The copy ended meanwhile. */
		source_close(source);
		return;
	}
	if (count > 0) {
		source->filled = (u32)count;
	} else {
		self->read_error = count < 0 ? (int)-count : 0;
		self->shrunk = count == 0;
		fcopy_vsp_cancel(&self->vsp, component_now_100ns());
	}
	component_run(&self->base);
}

static void source_read(struct fcopy_component *self, u64 offset)
{
	struct source *source = &self->source;
	uv_buf_t buffer = uv_buf_init(source->buffer, READ_AHEAD_BYTES);

	if (source->reading)
		return;
	source->start = offset;
	source->filled = 0;
	source->read.data = self;
	source->reading =
		uv_fs_read(self->base.host->loop, &source->read, source->fd,
			   &buffer, 1, (s64)offset, read_done) == 0;
	if (!source->reading) {
		self->read_error = ENOMEM;
		fcopy_vsp_cancel(&self->vsp, component_now_100ns());
	}
}

/* Give the engine the block that it wants, if it has been read. */
static void block_fill(struct fcopy_component *self, u64 now_100ns)
{
	struct source *source = &self->source;
	u64 offset;
	u32 size_bytes;

	if (!fcopy_vsp_wanted(&self->vsp, &offset, &size_bytes) ||
	    source->reading)
		return;
	if (offset == source->start && source->filled &&
	    source->filled < size_bytes) {
		self->shrunk = true;
		fcopy_vsp_cancel(&self->vsp, now_100ns);
		self->base.again = true;
		return;
	}
	if (offset < source->start ||
	    offset + size_bytes > source->start + source->filled) {
		source_read(self, offset);
		return;
	}
	memcpy(fcopy_vsp_block(&self->vsp),
	       source->buffer + (offset - source->start), size_bytes);
	fcopy_vsp_filled(&self->vsp, now_100ns);
	/* There is something to send now. */
	self->base.again = true;
}

static void progress_report(struct fcopy_component *self)
{
	u64 sent, total;

	fcopy_vsp_progress(&self->vsp, &sent, &total);
	if (sent - self->reported_bytes < PROGRESS_STEP_BYTES)
		return;
	self->reported_bytes = sent;
	self->progress(self->context, sent, total);
}

static void settle(struct component *component, u64 now_100ns)
{
	struct fcopy_component *self = self_of(component);
	struct component_answer answer;
	struct fcopy_event event;

	if (fcopy_vsp_next_event(&self->vsp, &event)) {
		answer_of(self, &answer, event.status, event.guest_status,
			  event.partial_left);
		finish(self, &answer);
	}
	if (!self->done || !component->open)
		return;
	progress_report(self);
	block_fill(self, now_100ns);
}

static void start(struct component *component, u64 now_100ns)
{
	static const struct fcopy_vsp_options options = { .utf8_limits = true };

	(void)now_100ns;
	fcopy_vsp_init(&self_of(component)->vsp, &options);
}

static void stop(struct component *component)
{
	struct fcopy_component *self = self_of(component);
	struct component_answer answer;

	fcopy_vsp_closed(&self->vsp);
	settle(component, 0);
	if (self->done) {
		answer_of(self, &answer, FCOPY_CLOSED, 0, true);
		finish(self, &answer);
	}
}

static void probe(struct component *component, u64 now_100ns)
{
	fcopy_vsp_probe(&self_of(component)->vsp, now_100ns);
}

static bool probing(const struct component *component)
{
	const struct fcopy_vsp *vsp = &self_of(component)->vsp;

	return ic_vsp_ready(&vsp->ic) && vsp->quiet &&
	       vsp->call.state != IC_CALL_IDLE;
}

static const struct component_class fcopy_class = {
	.index = SERVICE_FCOPY,
	.service = &fcopy_service,
	.start = start,
	.stop = stop,
	.settle = settle,
	.probe = probe,
	.probing = probing,
	COMPONENT_FORWARD_ROWS,
	COMPONENT_FORWARD_SENDING_ROWS,
};

struct component *fcopy_component_make(struct component_host *host)
{
	struct fcopy_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->source.fd = -1;
	component_init(&made->base, &fcopy_class, host);
	return &made->base;
}

/* Open the host's file; its size, or -1 with @answer filled. */
static s64 source_open(struct fcopy_component *self, const char *path,
		       struct component_answer *answer)
{
	struct source *source = &self->source;
	struct stat stat;

	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &stat) < 0) {
		component_answer_fail(answer, "io", "cannot open %s: %s", path,
				      strerror(errno));
		return -1;
	}
	if (!S_ISREG(stat.st_mode)) {
		component_answer_fail(answer, "io",
				      "%s is not a regular file: only those "
				      "can be copied",
				      path);
		return -1;
	}
	source->buffer = malloc(READ_AHEAD_BYTES);
	self->source_path = strdup(path);
	if (!source->buffer || !self->source_path) {
		component_answer_fail(answer, "io", "out of memory");
		return -1;
	}
	return stat.st_size;
}

static enum fcopy_status engine_start(struct fcopy_component *self,
				      const char *destination, u32 flags,
				      u64 size_bytes)
{
	const char *slash = strrchr(destination, '/');
	enum fcopy_status status;
	char *folder;

	if (!slash)
		return FCOPY_FOLDER_INVALID;
	folder = strndup(destination, slash > destination
					      ? (size_t)(slash - destination)
					      : 1);
	if (!folder)
		return FCOPY_BUSY;
	status = fcopy_vsp_start(&self->vsp, folder, slash + 1, flags,
				 size_bytes, component_now_100ns());
	free(folder);
	return status;
}

void fcopy_component_copy(struct component *component, const char *source,
			  const char *destination, u32 flags,
			  void (*progress)(void *context, u64 sent_bytes,
					   u64 total_bytes),
			  component_done *done, void *context)
{
	struct fcopy_component *self = self_of(component);
	struct component_answer answer;
	enum fcopy_status status;
	s64 size_bytes;

	if (!component_ready(component, &answer)) {
		done(context, &answer);
		return;
	}
	if (self->done || self->source.reading) {
		component_answer_fail(&answer, "busy", "%s",
				      fcopy_status_text(FCOPY_BUSY));
		done(context, &answer);
		return;
	}
	self->read_error = 0;
	self->shrunk = false;
	self->reported_bytes = 0;
	size_bytes = source_open(self, source, &answer);
	self->done = done;
	self->context = context;
	self->progress = progress;
	if (size_bytes < 0) {
		finish(self, &answer);
		return;
	}
	status = engine_start(self, destination, flags, (u64)size_bytes);
	if (status != FCOPY_OK) {
		answer_of(self, &answer, status, 0, false);
		finish(self, &answer);
		return;
	}
	component_run(component);
}

void fcopy_component_progress(const struct component *component,
			      u64 *sent_bytes, u64 *total_bytes)
{
	fcopy_vsp_progress(&self_of(component)->vsp, sent_bytes, total_bytes);
}

bool fcopy_component_cancel(struct component *component, const void *context)
{
	struct fcopy_component *self = self_of(component);

	if (!self->done || self->context != context)
		return false;
	fcopy_vsp_cancel(&self->vsp, component_now_100ns());
	component_run(component);
	return true;
}
