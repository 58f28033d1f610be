/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/vss/mounts.h"

#include <string.h>

const char mounts_duplicate[] = "it is another mount of a file system that is "
				"frozen already";

static const char network[] = "it is on a network";
static const char user_space[] = "it is served by a process, which would wait "
				 "for itself";
static const char read_only[] = "it is read-only";
static const char overlay[] = "its files are on other file systems, which are "
			      "frozen themselves";
static const char remote[] = "its disk is on a network";
static const char loop_frozen[] = "its file is on a file system that is "
				  "frozen, which holds it, too";
static const char loop_unknown[] = "it is not known which file system holds "
				   "its file";

/* File systems that are told by their type. What is no disk at all has NULL. */
static const struct {
	const char *type;
	const char *skip;
} types[] = {
	{ "nfs", network },
	{ "nfs4", network },
	{ "cifs", network },
	{ "smb3", network },
	{ "smbfs", network },
	{ "ncpfs", network },
	{ "afs", network },
	{ "coda", network },
	{ "ceph", network },
	{ "9p", network },
	{ "lustre", network },
	{ "glusterfs", network },
	{ "orangefs", network },
	{ "beegfs", network },
	{ "gpfs", network },
	/* Shared disks: a freeze would hold every machine of the cluster. */
	{ "gfs2", network },
	{ "ocfs2", network },
	{ "virtiofs", network },
	{ "vboxsf", network },
	{ "prl_fs", network },
	{ "fuse", user_space },
	{ "fuseblk", user_space },
	{ "squashfs", read_only },
	{ "iso9660", read_only },
	{ "erofs", read_only },
	{ "romfs", read_only },
	{ "cramfs", read_only },
	{ "overlay", overlay },
	{ "overlayfs", overlay },
	{ "aufs", overlay },
	{ "ecryptfs", overlay },
	{ "unionfs", overlay },
};

struct cursor {
	char *at, *end;
};

/* The next word of a line, terminated; NULL at the end. */
static char *word_next(struct cursor *line)
{
	char *start;

	while (line->at < line->end && *line->at == ' ')
		line->at++;
	if (line->at == line->end)
		return NULL;
	start = line->at;
	while (line->at < line->end && *line->at != ' ')
		line->at++;
	/* What ends a line or the text has room for the terminator. */
	*line->at = '\0';
	if (line->at < line->end)
		line->at++;
	return start;
}

static bool number_take(char **text, u32 *number)
{
	u64 value = 0;
	char *at = *text;

	while (*at >= '0' && *at <= '9') {
		value = value * 10 + (u64)(*at++ - '0');
		if (value > 0xffffffffu)
			return false;
	}
	if (at == *text)
		return false;
	*text = at;
	*number = (u32)value;
	return true;
}

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Space, tab, newline and backslash are there as "\" and three digits. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && octal(text[1]) && octal(text[2]) &&
		    octal(text[3])) {
			*to = (char)((text[1] - '0') << 6 |
				     (text[2] - '0') << 3 | (text[3] - '0'));
			if (!*to)
				*to = '?';
			to++;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static bool option_among(const char *options, const char *wanted)
{
	size_t length = strlen(wanted);

	while (options) {
		if (!strncmp(options, wanted, length) &&
		    (options[length] == ',' || !options[length]))
			return true;
		options = strchr(options, ',');
		if (options)
			options++;
	}
	return false;
}

static bool line_parse(struct cursor *line, struct mount *mount)
{
	char *word, *options;
	u32 parent;

	memset(mount, 0, sizeof(*mount));
	word = word_next(line);
	if (!word || !number_take(&word, &mount->id) || *word)
		return false;
	word = word_next(line);
	if (!word || !number_take(&word, &parent) || *word)
		return false;
	word = word_next(line);
	if (!word || !number_take(&word, &mount->major) || *word++ != ':' ||
	    !number_take(&word, &mount->minor) || *word)
		return false;
	if (!word_next(line)) /* the root of the mount in its file system */
		return false;
	mount->point = word = word_next(line);
	if (!word || *word != '/' || !word_next(line))
		return false;
	unescape(word);
	do {
		word = word_next(line);
	} while (word && strcmp(word, "-") != 0);
	mount->type = word ? word_next(line) : NULL;
	word = mount->type ? word_next(line) : NULL;
	if (!word)
		return false;
	mount->source = word;
	unescape(word);
	options = word_next(line);
	mount->super_read_only = options && option_among(options, "ro");
	return true;
}

/* False: nothing that anybody would expect to be frozen. */
static bool type_judge(struct mount *mount)
{
	size_t i;

	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		if (!strcmp(mount->type, types[i].type)) {
			mount->skip = types[i].skip;
			return true;
		}
	}
	if (!strncmp(mount->type, "fuse.", 5)) {
		mount->skip = user_space;
		return true;
	}
	/* Without a device number of its own, btrfs still has a device. */
	if (!mount->major && strncmp(mount->source, "/dev/", 5) != 0 &&
	    strcmp(mount->type, "btrfs") != 0 &&
	    strcmp(mount->type, "bcachefs") != 0)
		return false;
	if (!strcmp(mount->type, "devtmpfs"))
		return false;
	if (mount->super_read_only)
		mount->skip = read_only;
	return true;
}

bool mounts_parse(struct mounts *mounts, char *text, size_t size_bytes,
		  struct mount *list, u32 capacity)
{
	char *end = text + size_bytes, *next;
	struct cursor line;

	memset(mounts, 0, sizeof(*mounts));
	mounts->list = list;
	/* Each line ends in a newline, whose place a terminator can take. */
	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next) {
			mounts->bad++;
			break;
		}
		*next = '\0';
		if (next == text)
			continue;
		if (memchr(text, '\0', (size_t)(next - text))) {
			mounts->bad++;
			continue;
		}
		if (mounts->count == capacity)
			return false;
		line = (struct cursor){ text, next };
		if (!line_parse(&line, &list[mounts->count]))
			mounts->bad++;
		else if (type_judge(&list[mounts->count]))
			mounts->count++;
	}
	return true;
}

static bool same_system(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Whether what @mount shows will be frozen, by this mount or another. */
static bool is_frozen(const struct mounts *mounts, const struct mount *mount)
{
	u32 i;

	for (i = 0; i < mounts->count; i++) {
		if (!mounts->list[i].skip &&
		    same_system(&mounts->list[i], mount))
			return true;
	}
	return false;
}

static bool loop_judge(const struct mounts *mounts, struct mount *mount,
		       u32 file_mount_id)
{
	u32 i;

	if (!file_mount_id)
		mount->skip = loop_unknown;
	for (i = 0; i < mounts->count && !mount->skip; i++) {
		if (mounts->list[i].id == file_mount_id &&
		    is_frozen(mounts, &mounts->list[i]))
			mount->skip = loop_frozen;
	}
	return mount->skip;
}

void mounts_choose(struct mounts *mounts, mounts_backing *backing,
		   void *context)
{
	bool again;
	u32 i, j, id;

	for (i = 0; i < mounts->count; i++) {
		struct mount *mount = &mounts->list[i];

		for (j = 0; j < i && !mount->skip; j++) {
			if (!mounts->list[j].skip &&
			    same_system(&mounts->list[j], mount))
				mount->skip = mounts_duplicate;
		}
		id = 0;
		if (!mount->skip && backing(context, mount->major, mount->minor,
					    &id) == MOUNTS_BACKING_REMOTE)
			mount->skip = remote;
	}
	/*
	 * A loop device's own file system can hold another's file. What is
	 * skipped here only ever makes others stay: one turn from the outside
	 * in would do, but nothing says in which order they were mounted.
	 */
	do {
		again = false;
		for (i = 0; i < mounts->count; i++) {
			struct mount *mount = &mounts->list[i];

			id = 0;
			if (!mount->skip &&
			    backing(context, mount->major, mount->minor, &id) ==
				    MOUNTS_BACKING_LOOP &&
			    loop_judge(mounts, mount, id))
				again = true;
		}
	} while (again);
}
