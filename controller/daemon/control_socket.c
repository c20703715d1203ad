/* control_socket.c: people's requests: one JSON object per line in, one per line out
 * (spillwayd(8)). */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "daemon/commands.h"

#include <grp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONTROL_MAX_INPUT = CONTROL_MAX_LINE + 1,
    CONTROL_GUEST_INPUT = CONTROL_GUEST_LINE + 1,
    CONTROL_MAX_OUTPUT = 16 * 1024 * 1024,
};

#define TELL_US   (10 * US_PER_SEC)
#define ANSWER_US (30 * US_PER_SEC)
#define QUIET_US  (60 * US_PER_SEC) /* longer than an answer may take */

static void send_line(struct unix_client *c, json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL) {
        unix_client_close(c);
        return;
    }
    size_t n = strlen(text);
    text[n] = '\n'; /* the place of its NUL */
    unix_client_send(c, text, n + 1);
    free(text);
}

static void send_error(struct unix_client *c, int status, const char *why)
{
    send_line(c, json_pack("{s:b, s:i, s:s, s:s, s:s}", "ok", 0, "status", status, "error",
                           error_text(status), "remedy", error_remedy(status), "why", why));
}

static void bad_request(struct daemon *d, struct unix_client *c, const char *why)
{
    uint64_t silent;
    if (log_allow(&d->counters.bad_requests, mono_now(), TELL_US, &silent)) {
        log_event(&d->log, LOG_WARNING, LOG_CODE("bad-request"), LOG_STR("why", why),
                  LOG_INT("untold", silent));
    }
    send_error(c, ERR_INVALID, why);
}

static struct waiter *free_waiter(struct daemon *d)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (d->waiters[i].client == NULL && !d->waiters[i].looking) {
            return &d->waiters[i];
        }
    }
    return NULL;
}

/* A command goes to the log unless the daemon knows already that it makes no sense. */
static int step_command(struct daemon *d, struct waiter *w, char *why)
{
    struct event e = {.kind = EVENT_REQUEST};
    const struct request *r = &w->request;
    void *memory = NULL;
    if (d->replica == NULL || d->phase != PHASE_FOLLOWING) {
        snprintf(why, WHY_SIZE, "%s", d->why[0] != '\0' ? d->why : "the log is not followed now");
        return ERR_UNAVAILABLE;
    }
    bool again = command_was_folded(d, &r->id);
    int status = again ? OK : command_prepare(d, r, &e.request, &memory, why);
    if (status != OK) {
        return status;
    }
    e.request.request = r->id;
    e.request.command = r->command;
    memcpy(e.request.identity, w->identity, sizeof e.request.identity);
    w->command = e.request;
    w->command.changes = NULL; /* borrowed for the step only */
    w->command.drill = w->command.fleet = w->command.plan = (struct bytes){0};
    w->until = mono_add(mono_now(), ANSWER_US);
    log_event(&d->log, LOG_INFO, LOG_CODE("request"),
              LOG_STR("command", operator_command_name(r->command)),
              LOG_STR("subject", r->subject[0] != '\0' ? r->subject : r->service),
              LOG_INT("number", r->number), LOG_STR("by", e.request.identity),
              LOG_STR("reason", r->reason));
    w->waiting = true;
    daemon_step(d, &e);
    free(memory); /* the replica has copied it */
    daemon_set_timer(d);
    return OK;
}

/* Beside the loop: an account may be asked for over a network that is just dying. */
static void look_up(uv_work_t *work)
{
    struct waiter *w = work->data;
    w->is_operator = peer_is_operator(&w->peer, geteuid(), w->operators, w->operator_groups);
    peer_identity(&w->peer, w->identity);
}

static void on_looked_up(uv_work_t *work, int canceled)
{
    struct waiter *w = work->data;
    struct daemon *d = w->daemon;
    char why[WHY_SIZE] = "";
    w->looking = false;
    if (w->client == NULL || d->control == NULL) {
        request_done(&w->request);
        return; /* gone meanwhile */
    }
    int status = canceled != 0 ? ERR_UNAVAILABLE : w->is_operator ? OK : ERR_PERMISSION;
    if (status == ERR_PERMISSION) {
        snprintf(why, sizeof why,
                 "%s may look and give no commands: see operators in "
                 "spillwayd.yaml(5)",
                 w->identity);
        log_event(&d->log, LOG_WARNING, LOG_CODE("request-refused"),
                  LOG_STR("command", operator_command_name(w->request.command)),
                  LOG_STR("by", w->identity));
    }
    status = status == OK ? step_command(d, w, why) : status;
    request_done(&w->request); /* the replica has copied it */
    if (status != OK) {
        struct unix_client *c = w->client;
        w->client = NULL;
        send_error(c, status, why[0] != '\0' ? why : "it cannot be told to the log");
    }
}

/* Begins to find out who the client is; then() is called with the answer, unless this is false. */
static bool look(struct waiter *w, struct daemon *d, struct unix_client *c, uv_after_work_cb then)
{
    w->daemon = d;
    w->client = c;
    w->operators = d->settings.operators;
    w->operator_groups = d->settings.operator_groups;
    w->until = mono_add(mono_now(), ANSWER_US);
    w->work.data = w;
    w->looking = unix_client_peer(c, &w->peer) == OK &&
                 uv_queue_work(&d->loop, &w->work, look_up, then) == 0;
    w->client = w->looking ? c : NULL;
    return w->looking;
}

/* What the request owns is the waiter's, or freed. */
static void take_command(struct daemon *d, struct unix_client *c, struct request *r)
{
    struct waiter *w = free_waiter(d);
    if (w == NULL) {
        request_done(r);
        send_error(c, ERR_BUSY, "too many requests wait for the log");
        return;
    }
    *w = (struct waiter){.request = *r};
    if (!look(w, d, c, on_looked_up)) {
        request_done(&w->request);
        send_error(c, ERR_IO, "who asks cannot be found out");
    }
}

static void on_sender_looked_up(uv_work_t *work, int canceled)
{
    struct waiter *w = work->data;
    struct daemon *d = w->daemon;
    struct unix_client *c = w->client;
    w->looking = false;
    w->client = NULL;
    if (c == NULL || d->control == NULL) {
        return; /* gone meanwhile */
    }
    if (canceled == 0 && w->is_operator) {
        unix_client_admit(c);
        return;
    }
    bad_request(d, c, "a line of who may give no commands is longer than 64 KiB");
    unix_client_close(c);
}

/* Only who may give commands has use for so long a line: a new fleet. */
static bool on_overlong(void *user, struct unix_client *c)
{
    struct daemon *d = user;
    struct waiter *w = free_waiter(d);
    if (w == NULL) {
        return false;
    }
    *w = (struct waiter){.client = NULL};
    bool asked = look(w, d, c, on_sender_looked_up);
    w->until = mono_add(mono_now(), 2 * QUIET_US); /* it is closed before */
    return asked;
}

static void send_status(struct daemon *d, struct unix_client *c)
{
    char *text = status_text(d);
    if (text == NULL) {
        send_error(c, ERR_MEMORY, "status could not be built");
        return;
    }
    size_t n = strlen(text);
    text[n] = '\n';
    unix_client_send(c, text, n + 1);
    free(text);
}

static void send_lent(struct unix_client *c, json_t *answer)
{
    if (answer != NULL) {
        send_line(c, answer);
    } else {
        send_error(c, ERR_UNAVAILABLE, "the journal has nothing yet, or cannot be read now");
    }
}

static void take_line(struct daemon *d, struct unix_client *c, const char *line, size_t size)
{
    struct request r;
    const char *why = NULL;
    if (request_read(line, size, &r, &why) != OK) {
        bad_request(d, c, why);
        return;
    }
    switch (r.kind) {
    case REQUEST_STATUS: send_status(d, c); break;
    case REQUEST_EVIDENCE: send_line(c, evidence_json(d)); break;
    case REQUEST_CONTROL: send_lent(c, lend_control(d)); break;
    case REQUEST_RECORDS: send_lent(c, lend_records(d, r.offset, r.backwards)); break;
    case REQUEST_COMMAND: take_command(d, c, &r); break;
    }
}

static ssize_t on_received(void *user, struct unix_client *c, const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    if (end == NULL) {
        if (size >= CONTROL_MAX_INPUT) {
            bad_request(user, c, "a line is longer than 4 MiB");
        }
        return 0; /* a full buffer without a line ends the connection */
    }
    take_line(user, c, (const char *)data, (size_t)(end - data));
    return end - data + 1;
}

static void on_opened(void *user, struct unix_client *c)
{
    (void)user;
    (void)c;
}

static void on_closed(void *user, struct unix_client *c)
{
    struct daemon *d = user;
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (d->waiters[i].client == c) {
            d->waiters[i].client = NULL; /* its request is on its way all the same */
        }
    }
}

void control_socket_reply(struct daemon *d, const struct request_id *id, int status, int64_t offset)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct waiter *w = &d->waiters[i];
        if (w->client != NULL && w->waiting && memcmp(&w->command.request, id, sizeof *id) == 0) {
            struct unix_client *c = w->client;
            char why[WHY_SIZE];
            w->client = NULL;
            if (status == OK) {
                send_line(c, command_answer(d, &w->command, offset));
            } else {
                command_refusal(d, &w->command, status, why);
                send_error(c, status, why);
            }
        }
    }
}

void control_socket_expire(struct daemon *d, struct mono now)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct waiter *w = &d->waiters[i];
        if (w->client != NULL && mono_diff_us(now, w->until) >= 0) {
            struct unix_client *c = w->client;
            w->client = NULL;
            send_error(c, ERR_TIMEOUT,
                       "the log has not answered; it may still count: ask again with "
                       "the same id");
        }
    }
}

/* The group whose members may look, by its name or number. */
static int find_group(const char *name, gid_t *ret_gid)
{
    char *end;
    if (name[0] == '\0') {
        *ret_gid = (gid_t)-1;
        return OK;
    }
    const struct group *found = getgrnam(name);
    unsigned long number = strtoul(name, &end, 10);
    if (found == NULL && (*end != '\0' || number >= UINT32_MAX)) {
        return ERR_NOT_FOUND;
    }
    *ret_gid = found != NULL ? found->gr_gid : (gid_t)number;
    return OK;
}

int control_socket_open(struct daemon *d)
{
    gid_t group;
    int status = find_group(d->settings.control_group, &group);
    if (status != OK) {
        return status;
    }
    struct unix_server_config config = {.path = d->settings.control_socket,
                                        .group_connects = true,
                                        .group = group,
                                        .max_clients = CONTROL_MAX_CLIENTS,
                                        .max_input = CONTROL_MAX_INPUT,
                                        .guest_input = CONTROL_GUEST_INPUT,
                                        .max_output = CONTROL_MAX_OUTPUT,
                                        .in_turn = true,
                                        .quiet_us = QUIET_US,
                                        .user = d,
                                        .opened = on_opened,
                                        .received = on_received,
                                        .overlong = on_overlong,
                                        .closed = on_closed};
    return unix_server_new(&d->loop, &config, &d->control);
}
