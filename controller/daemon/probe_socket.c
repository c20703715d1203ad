/* probe_socket.c: the local probe's socket: the fleet goes out, link edges come in and are
 * numbered. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "wire/local.h"

#include <stdlib.h>

enum {
    PROBE_MAX_CLIENTS = 4, /* one, and those that a restart leaves behind for a moment */
    PROBE_MAX_INPUT = 64 * 1024,
    PROBE_MAX_OUTPUT = 2 * LOCAL_MAX_FRAME,
};

#define TELL_US (10 * US_PER_SEC)

/* The frame of the present fleet; NULL when there is none or no memory. */
static uint8_t *fleet_frame(const struct daemon *d, size_t *ret_size)
{
    const struct fleet *f = d->replica != NULL ? replica_control(d->replica)->fleet : NULL;
    if (f == NULL || d->idc == FLEET_NONE) {
        return NULL;
    }
    size_t fleet_size = fleet_encoded_size(f), size = 0;
    uint8_t *fleet = malloc(fleet_size), *frame = NULL;
    if (fleet != NULL) {
        struct codec c = codec_writer(fleet, fleet_size);
        fleet_codec(&c, (struct fleet *)(uintptr_t)f); /* a writer only reads it */
        struct local_message m = {.type = LOCAL_FLEET,
                                  .fleet = {.idc = d->idc, .fleet = {fleet, c.pos}}};
        size = local_encoded_size(&m);
        frame = codec_finish(&c) == OK ? malloc(size) : NULL;
        if (frame != NULL && local_encode(&m, frame, size, ret_size) != OK) {
            free(frame);
            frame = NULL;
        }
    }
    free(fleet);
    return frame;
}

static void send_fleet(void *user, struct unix_client *c)
{
    size_t size = 0;
    uint8_t *frame = fleet_frame(user, &size);
    if (frame != NULL) {
        unix_client_send(c, frame, size);
        free(frame);
    }
}

void probe_socket_tell_fleet(struct daemon *d)
{
    if (d->probe != NULL) {
        unix_server_each(d->probe, send_fleet, d);
    }
}

struct injection_frame {
    uint8_t bytes[LOCAL_INJECT_SIZE];
    size_t size;
};

static void send_injection(void *user, struct unix_client *c)
{
    const struct injection_frame *frame = user;
    unix_client_send(c, frame->bytes, frame->size);
}

int probe_socket_inject(struct daemon *d, const struct effect *e)
{
    struct injection_frame frame;
    bool needed = e->inject.mute || e->inject.view != FLEET_NONE;
    struct local_message m = {.type = LOCAL_INJECT,
                              .inject = {.for_us = needed ? e->inject.for_us : 0,
                                         .mute = e->inject.mute,
                                         .view = e->inject.view,
                                         .factor_ppm = e->inject.factor_ppm}};
    if (needed && d->probes == 0) {
        return ERR_UNAVAILABLE;
    }
    int status = local_encode(&m, frame.bytes, sizeof frame.bytes, &frame.size);
    if (status == OK && d->probe != NULL) {
        unix_server_each(d->probe, send_injection, &frame);
    }
    return status;
}

static void bad_edge(struct daemon *d, int status, const char *why)
{
    uint64_t silent;
    if (log_allow(&d->counters.bad_edges, mono_now(), TELL_US, &silent)) {
        log_event(&d->log, LOG_WARNING, LOG_CODE("bad-edge"), LOG_INT("status", status),
                  LOG_STR("why", why), LOG_INT("untold", silent));
    }
}

/* A new down gets its number in the journal before the replica hears of it (PROTOCOL.md, "Fences").
 */
static void take_edge(struct daemon *d, const struct local_message *m)
{
    const struct fleet *f = d->replica != NULL ? replica_control(d->replica)->fleet : NULL;
    if (f == NULL || d->downs == NULL || d->phase == PHASE_FAILED) {
        return; /* the probe repeats its word after the next connect, and routes follow no plan yet
                 */
    }
    if (m->edge.link >= f->link_count || f->links[m->edge.link].end[m->edge.end].idc != d->idc) {
        bad_edge(d, ERR_NOT_FOUND, "no link end of this IDC");
        return;
    }
    equip_edges(d);
    d->counters.edges++;
    struct down *down = &d->downs[m->edge.link * 2 + m->edge.end];
    const char *name = f->links[m->edge.link].name;
    bool news = down_heard(down, m->edge.down, m->edge.held_us, mono_now());
    if (news) {
        store_put_down(&d->store, name, m->edge.end, down);
        if (!daemon_commit(d)) {
            return;
        }
    }
    struct event e = {.kind = EVENT_LINK_EDGE,
                      .edge = {.link = m->edge.link,
                               .end = m->edge.end,
                               .down = m->edge.down,
                               .down_number = down->number}};
    daemon_step(d, &e);
    daemon_set_timer(d);
    if (news) { /* told after the routes have moved: people can wait, packets cannot */
        log_event(&d->log, m->edge.down ? LOG_WARNING : LOG_INFO,
                  LOG_CODE(m->edge.down ? "link-down" : "link-up"), LOG_STR("link", name),
                  LOG_INT("end", m->edge.end), LOG_INT("number", down->number),
                  LOG_INT("held_us", m->edge.held_us));
    }
}

static void on_opened(void *user, struct unix_client *c)
{
    struct daemon *d = user;
    d->probes++;
    log_event(&d->log, LOG_INFO, LOG_CODE("probe-connected"));
    send_fleet(d, c);
}

static void on_closed(void *user, struct unix_client *c)
{
    struct daemon *d = user;
    (void)c;
    d->probes--;
    log_event(&d->log, LOG_WARNING, LOG_CODE("probe-gone"));
}

static ssize_t on_received(void *user, struct unix_client *c, const uint8_t *data, size_t size)
{
    struct daemon *d = user;
    struct local_message m;
    size_t used = 0;
    (void)c;
    int status = local_decode(data, size, &m, &used);
    if (status == ERR_TRUNCATED) {
        return 0;
    }
    if (status != OK) {
        bad_edge(d, status, error_text(status));
        return UNIX_CLOSE;
    }
    if (m.type == LOCAL_EDGE) {
        take_edge(d, &m);
    }
    return (ssize_t)used;
}

int probe_socket_open(struct daemon *d)
{
    struct unix_server_config config = {.path = d->settings.probe_socket,
                                        .max_clients = PROBE_MAX_CLIENTS,
                                        .max_input = PROBE_MAX_INPUT,
                                        .max_output = PROBE_MAX_OUTPUT,
                                        .user = d,
                                        .opened = on_opened,
                                        .received = on_received,
                                        .closed = on_closed};
    return unix_server_new(&d->loop, &config, &d->probe);
}
