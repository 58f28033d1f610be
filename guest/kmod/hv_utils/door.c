// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "guest/kmod/hv_utils/door.h"
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* An open file; of a channel that is gone when its generation is. */
struct door_file {
	struct door *door;
	u32 generation;
};

/* ---- what waits to be read ---- */

static bool out_put(struct door *door, const void *message, u32 size_bytes,
		    bool hello)
{
	bool put;

	if (WARN_ON_ONCE(size_bytes > sizeof(door->buffers->out)))
		return false;
	spin_lock(&door->out_lock);
	put = hello || door->ready;
	if (put) {
		memcpy(door->buffers->out, message, size_bytes);
		door->out_bytes = size_bytes;
		door->ready = true;
		/* Never behind out_clear(), which is before the end. */
		if (!hello)
			schedule_delayed_work(&door->timeout,
					      door->patience_s * HZ);
	}
	spin_unlock(&door->out_lock);
	if (put)
		wake_up_all(&door->readable);
	return put;
}

/* Takes it out into door->buffers, by door->lock: its size. */
static u32 out_take(struct door *door, size_t room)
{
	u32 size_bytes = 0;

	spin_lock(&door->out_lock);
	if (door->out_bytes <= min(room, sizeof(door->buffers->read))) {
		size_bytes = door->out_bytes;
		memcpy(door->buffers->read, door->buffers->out, size_bytes);
		door->out_bytes = 0;
	}
	spin_unlock(&door->out_lock);
	return size_bytes;
}

static void out_clear(struct door *door)
{
	spin_lock(&door->out_lock);
	door->ready = false;
	door->out_bytes = 0;
	spin_unlock(&door->out_lock);
}

/* ---- questions ---- */

static bool ask(struct door *door, const void *message, u32 size_bytes,
		bool owed)
{
	if (door->asked || door->owed ||
	    !out_put(door, message, size_bytes, false))
		return false;
	door->asked = !owed;
	door->owed = owed;
	return true;
}

bool door_ask(struct door *door, const void *message, u32 size_bytes)
{
	return ask(door, message, size_bytes, false);
}

bool door_tell(struct door *door, const void *message, u32 size_bytes)
{
	return ask(door, message, size_bytes, true);
}

void door_forget(struct door *door)
{
	bool unread;

	if (!door->asked)
		return;
	spin_lock(&door->out_lock);
	unread = door->out_bytes;
	door->out_bytes = 0;
	spin_unlock(&door->out_lock);
	door->asked = false;
	door->owed = !unread;
}

/* By util->lock. */
static void asked_fail(struct door *door, struct util *util, u32 status)
{
	if (!door->asked)
		return;
	door->asked = false;
	door->ops->fail(util, status);
	util_kick(util);
}

static void timeout(struct work_struct *work)
{
	struct door *door =
		container_of(to_delayed_work(work), struct door, timeout);

	mutex_lock(&door->lock);
	if (door->util) {
		mutex_lock(&door->util->lock);
		if (door->asked) {
			dev_warn(&door->util->device->dev,
				 "%s: the daemon does not answer\n",
				 door->util->service->name);
			asked_fail(door, door->util, IC_E_TIMED_OUT);
			door->owed = true;
		}
		mutex_unlock(&door->util->lock);
	}
	mutex_unlock(&door->lock);
}

/* ---- the file ---- */

static int file_open(struct inode *inode, struct file *file)
{
	/* The driver core left the miscdevice there. */
	struct door *door = container_of(file->private_data, struct door, misc);
	struct door_file *own = kzalloc(sizeof(*own), GFP_KERNEL);
	int error = 0;

	if (!own)
		return -ENOMEM;
	mutex_lock(&door->lock);
	if (!door->util)
		error = -ENODEV;
	else if (door->taken)
		error = -EBUSY;
	else
		door->taken = true;
	own->door = door;
	own->generation = door->generation;
	mutex_unlock(&door->lock);
	if (error)
		kfree(own);
	else
		file->private_data = own;
	return error;
}

/* By door->lock. */
static bool file_is_stale(const struct door_file *own)
{
	return !own->door->util || own->generation != own->door->generation;
}

static bool something_to_read(const struct door_file *own)
{
	return READ_ONCE(own->door->out_bytes) ||
	       READ_ONCE(own->door->generation) != own->generation ||
	       !READ_ONCE(own->door->util);
}

static ssize_t file_read(struct file *file, char __user *data, size_t size,
			 loff_t *place)
{
	struct door_file *own = file->private_data;
	struct door *door = own->door;
	ssize_t result = 0;

	while (!result) {
		if (!something_to_read(own) && file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(door->readable,
					     something_to_read(own)))
			return -EINTR;
		mutex_lock(&door->lock);
		if (file_is_stale(own))
			result = -EBADF;
		else if (READ_ONCE(door->out_bytes) > size)
			result = -EINVAL;
		else
			result = out_take(door, size);
		if (result > 0 &&
		    copy_to_user(data, door->buffers->read, result))
			result = -EFAULT;
		mutex_unlock(&door->lock);
	}
	return result;
}

/* The answer to what was asked, by door->lock. */
static int answered(struct door *door, u32 size_bytes)
{
	struct util *util = door->util;
	int error = 0;

	mutex_lock(&util->lock);
	if (door->owed) {
		door->owed = false;
		util_kick(util);
	} else if (!door->asked) {
		error = -EINVAL;
	} else {
		error = door->ops->answer(util, door->buffers->in, size_bytes);
		if (!error) {
			door->asked = false;
			cancel_delayed_work(&door->timeout);
			util_kick(util);
		}
	}
	mutex_unlock(&util->lock);
	return error;
}

static int hello(struct door *door, u32 size_bytes)
{
	int reply_bytes = door->ops->hello(door->buffers->in, size_bytes,
					   door->buffers->read);

	if (reply_bytes < 0)
		return reply_bytes;
	out_put(door, door->buffers->read, reply_bytes, true);
	return 0;
}

static ssize_t file_write(struct file *file, const char __user *data,
			  size_t size, loff_t *place)
{
	struct door_file *own = file->private_data;
	struct door *door = own->door;
	int error;

	if (!size || size > sizeof(door->buffers->in))
		return -EINVAL;
	mutex_lock(&door->lock);
	if (file_is_stale(own))
		error = -EBADF;
	else if (copy_from_user(door->buffers->in, data, size))
		error = -EFAULT;
	else if (!READ_ONCE(door->ready))
		error = hello(door, size);
	else
		error = answered(door, size);
	mutex_unlock(&door->lock);
	return error ? error : size;
}

static __poll_t file_poll(struct file *file, poll_table *wait)
{
	struct door_file *own = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &own->door->readable, wait);
	mutex_lock(&own->door->lock);
	if (file_is_stale(own))
		events = EPOLLERR | EPOLLHUP;
	else if (READ_ONCE(own->door->out_bytes))
		events = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&own->door->lock);
	return events;
}

static int file_release(struct inode *inode, struct file *file)
{
	struct door_file *own = file->private_data;
	struct door *door = own->door;

	mutex_lock(&door->lock);
	if (!file_is_stale(own)) {
		mutex_lock(&door->util->lock);
		out_clear(door);
		asked_fail(door, door->util, IC_E_FAIL);
		door->owed = false;
		mutex_unlock(&door->util->lock);
		door->taken = false;
	}
	mutex_unlock(&door->lock);
	kfree(own);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = file_open,
	.read = file_read,
	.write = file_write,
	.poll = file_poll,
	.release = file_release,
};

/* ---- its life ---- */

void door_init(struct door *door)
{
	mutex_init(&door->lock);
	spin_lock_init(&door->out_lock);
	init_waitqueue_head(&door->readable);
	INIT_DELAYED_WORK(&door->timeout, timeout);
	door->misc.fops = &operations;
}

int door_open(struct door *door, struct util *util)
{
	struct door_buffers *buffers = kmalloc(sizeof(*buffers), GFP_KERNEL);
	int error = 0;

	if (!buffers)
		return -ENOMEM;
	mutex_lock(&door->lock);
	if (door->util) {
		error = -EBUSY;
	} else {
		door->generation++;
		door->taken = false;
		door->asked = false;
		door->owed = false;
		out_clear(door);
		door->buffers = buffers;
		door->util = util;
	}
	mutex_unlock(&door->lock);
	if (!error) {
		/* The number it had last time may be another's by now. */
		door->misc.minor = MISC_DYNAMIC_MINOR;
		error = misc_register(&door->misc);
		if (!error)
			return 0;
		mutex_lock(&door->lock);
		door->util = NULL;
		mutex_unlock(&door->lock);
	}
	kfree(buffers);
	return error;
}

void door_close(struct door *door)
{
	struct door_buffers *buffers;

	misc_deregister(&door->misc);
	mutex_lock(&door->lock);
	WRITE_ONCE(door->util, NULL);
	out_clear(door);
	/* The next device's are others. */
	buffers = door->buffers;
	mutex_unlock(&door->lock);
	wake_up_all(&door->readable);
	cancel_delayed_work_sync(&door->timeout);
	kfree(buffers);
}
