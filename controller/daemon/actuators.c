/* actuators.c: making actuators for a fleet, handing jobs to them, and queueing what came of it. */
#include "daemon/actuators.h"

#include "daemon/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE_TIMEOUT_US US_PER_SEC

static struct outcome take_oldest(struct actuators *a)
{
    struct outcome oldest = a->waiting[0];
    a->waiting_count--;
    memmove(a->waiting, a->waiting + 1, a->waiting_count * sizeof *a->waiting);
    return oldest;
}

static void on_idle(uv_idle_t *idle)
{
    struct actuators *a = idle->data;
    /* What is told may make new outcomes at once; they wait for the next turn. */
    for (uint32_t n = a->waiting_count; n > 0 && a->waiting_count > 0; n--) {
        struct outcome outcome = take_oldest(a);
        a->tell(a->user, &outcome);
    }
    if (a->waiting_count == 0) {
        uv_idle_stop(&a->idle);
    }
}

static struct actuator_state *state_of(struct actuators *a, const struct actuate_result *r)
{
    switch (r->actuator) {
    case ACTUATOR_DNS: return r->target < a->dns_count ? &a->dns_state[r->target] : NULL;
    case ACTUATOR_ROUTES: return &a->route_state;
    case ACTUATOR_FEATURES: return &a->feature_state;
    case ACTUATOR_INJECT: return NULL;
    }
    return NULL;
}

static void log_result(const struct actuators *a, const struct actuator_state *s,
                       const struct actuate_result *r)
{
    bool again = s->tried && s->last.status == r->status;
    enum log_level level = r->status == OK ? LOG_INFO : LOG_WARNING;
    if (again && s->last.attempted.generation == r->attempted.generation) {
        level = LOG_DEBUG; /* retries and looks: told once */
    }
    log_event(a->log, level, LOG_CODE(r->status == OK ? "actuated" : "actuator-failed"),
              LOG_STR("actuator", actuator_name(r->actuator)), LOG_INT("target", r->target),
              LOG_INT("generation", r->attempted.generation), LOG_INT("status", r->status),
              LOG_STR("why", error_text(r->status)), LOG_STR("detail", r->detail),
              LOG_STR("remedy", r->status == OK ? "" : error_remedy(r->status)));
}

/* Queues an outcome, and keeps it for status. */
static void finish(struct actuators *a, const struct actuate_result *r)
{
    struct actuator_state *s = state_of(a, r);
    a->inject_busy = a->inject_busy && r->actuator != ACTUATOR_INJECT;
    if (s != NULL) {
        log_result(a, s, r);
        s->tried = true;
        s->last = *r;
        s->at = mono_now();
        s->good_generation = r->status == OK ? r->attempted.generation : s->good_generation;
    }
    if (a->waiting_count == a->waiting_room) {
        return; /* cannot be: one effect is out per target, and each target has two places */
    }
    a->waiting[a->waiting_count++] = (struct outcome){.actuator = r->actuator,
                                                      .target = r->target,
                                                      .fence = r->attempted,
                                                      .found = r->found,
                                                      .status = r->status,
                                                      .run = a->inject_run,
                                                      .step = a->inject_step};
    uv_idle_start(&a->idle, on_idle);
}

static void on_done(void *user, const struct actuate_result *r)
{
    finish(user, r);
}

/* A job that failed before it began. */
static void refuse(struct actuators *a, enum actuator actuator, uint16_t target,
                   const struct fence *fence, int status, const char *detail)
{
    struct actuate_result r = {
        .actuator = actuator, .target = target, .attempted = *fence, .status = status};
    snprintf(r.detail, sizeof r.detail, "%s", detail);
    finish(a, &r);
}

int actuators_init(struct actuators *a, uv_loop_t *loop, const struct spillwayd_settings *settings,
                   const struct logger *log, actuators_outcome *tell, void *user)
{
    *a = (struct actuators){
        .loop = loop, .settings = settings, .log = log, .tell = tell, .user = user};
    if (uv_idle_init(loop, &a->idle) != 0) {
        return ERR_IO;
    }
    a->idle.data = a;
    return OK;
}

static void drop_all(struct actuators *a)
{
    for (uint16_t i = 0; i < a->dns_count; i++) {
        dns_pusher_free(a->dns[i]);
    }
    route_client_free(a->routes);
    free(a->dns);
    free(a->dns_state);
    free(a->waiting);
    a->dns = NULL;
    a->dns_state = NULL;
    a->waiting = NULL;
    a->routes = NULL;
    a->dns_count = 0;
    a->waiting_count = a->waiting_room = 0;
}

static void add_key(struct dns_target *t, const struct keyring *ring, const char *id)
{
    const struct key *key = id[0] != '\0' ? keyring_find(ring, id) : NULL;
    if (key == NULL || key->size > DNS_SECRET_SIZE) {
        return;
    }
    struct dns_key *to = &t->keys[t->key_count++];
    snprintf(to->name, sizeof to->name, "%s", id);
    to->size = key->size;
    memcpy(to->secret, key->bytes, key->size);
}

static int equip_dns(struct actuators *a, const struct fleet *f, uint16_t server,
                     const struct keyring *ring)
{
    const struct dns_server *s = &f->dns_servers[server];
    struct dns_target t = {.server = server,
                           .address = s->address,
                           .port = s->port,
                           .timeout_us = f->policy.dns_timeout_us};
    snprintf(t.zone, sizeof t.zone, "%s", f->zone);
    add_key(&t, ring, s->tsig_key);
    add_key(&t, ring, s->tsig_key_next);
    int status =
        t.key_count == 0 ? ERR_NOT_FOUND : dns_pusher_new(a->loop, &t, on_done, a, &a->dns[server]);
    explicit_bzero(t.keys, sizeof t.keys);
    a->dns_state[server].configured = status == OK;
    return status == ERR_MEMORY ? status : OK;
}

/* What was busy is told as given up, so that the replica does not wait for it. lost has room for
 * what waits and one of each actuator. */
static uint32_t give_up(const struct actuators *a, struct outcome *lost)
{
    uint32_t n = a->waiting_count;
    if (n > 0) {
        memcpy(lost, a->waiting, n * sizeof *lost);
    }
    for (uint16_t i = 0; i < a->dns_count; i++) {
        if (a->dns[i] != NULL && dns_busy(a->dns[i])) {
            lost[n++] = (struct outcome){.actuator = ACTUATOR_DNS,
                                         .target = i,
                                         .fence = a->dns_state[i].trying,
                                         .status = ERR_UNAVAILABLE};
        }
    }
    if (a->routes != NULL && route_busy(a->routes)) {
        lost[n++] = (struct outcome){.actuator = ACTUATOR_ROUTES,
                                     .target = a->idc,
                                     .fence = a->route_state.trying,
                                     .status = ERR_UNAVAILABLE};
    }
    if (a->inject_busy) {
        lost[n++] = (struct outcome){.actuator = ACTUATOR_INJECT,
                                     .target = a->idc,
                                     .status = ERR_UNAVAILABLE,
                                     .run = a->inject_run,
                                     .step = a->inject_step};
    }
    return n;
}

/* Places for what waits or is given up now, and two for each of the new targets. */
static uint32_t places_needed(const struct actuators *a, const struct fleet *f)
{
    return a->waiting_count + a->dns_count + 3U + 2 * (f->dns_server_count + 3U);
}

int actuators_equip(struct actuators *a, const struct fleet *f, uint16_t idc,
                    const struct keyring *ring)
{
    uint32_t room = places_needed(a, f);
    struct outcome *waiting = calloc(room, sizeof *waiting);
    size_t servers = f->dns_server_count > 0 ? f->dns_server_count : 1;
    struct dns_pusher **dns = calloc(servers, sizeof(struct dns_pusher *));
    struct actuator_state *states = calloc(servers, sizeof *states);
    if (waiting == NULL || dns == NULL || states == NULL) {
        free(waiting);
        free((void *)dns);
        free(states);
        return ERR_MEMORY;
    }
    uint32_t lost = give_up(a, waiting);
    drop_all(a);
    a->inject_busy = false;
    a->waiting = waiting;
    a->waiting_count = lost;
    a->waiting_room = room;
    a->dns = dns;
    a->dns_state = states;
    a->dns_count = f->dns_server_count;
    a->idc = idc;
    if (lost > 0) {
        uv_idle_start(&a->idle, on_idle);
    }
    int status = OK;
    for (uint16_t i = 0; i < f->dns_server_count && status == OK; i++) {
        status = equip_dns(a, f, i, ring);
    }
    if (status == OK && a->settings->route_helper_socket[0] != '\0') {
        status = route_client_new(a->loop, a->settings->route_helper_socket, idc, ROUTE_TIMEOUT_US,
                                  on_done, a, &a->routes);
        a->route_state.configured = status == OK;
    }
    a->feature_state.configured = a->settings->feature_file[0] != '\0';
    return status;
}

void actuators_push_dns(struct actuators *a, const struct control *c, const struct effect *e)
{
    uint16_t server = e->dns.server;
    if (server >= a->dns_count || a->dns[server] == NULL) {
        refuse(a, ACTUATOR_DNS, server, &c->plan.fence, ERR_PERMISSION,
               "its TSIG key could not be loaded");
        return;
    }
    struct dns_job job = {.fleet = c->fleet,
                          .plan = &c->plan,
                          .may_create = e->dns.may_create,
                          .predecessor = e->dns.predecessor,
                          .changes = e->dns.changes,
                          .change_count = e->dns.change_count};
    int status = dns_push(a->dns[server], &job);
    if (status == OK) {
        a->dns_state[server].trying = c->plan.fence;
    } else {
        refuse(a, ACTUATOR_DNS, server, &c->plan.fence, status, "the push could not begin");
    }
}

void actuators_set_routes(struct actuators *a, const struct control *c, const struct effect *e)
{
    static const char unset[] = "route_helper_socket is not set in the settings";
    if (a->routes == NULL) {
        refuse(a, ACTUATOR_ROUTES, a->idc, &e->routes.fence, ERR_NOT_FOUND, unset);
        return;
    }
    uint32_t count = e->routes.count;
    struct route_target *targets = calloc(count > 0 ? count : 1, sizeof *targets);
    int status = targets == NULL ? ERR_MEMORY : OK;
    for (uint32_t i = 0; i < count && status == OK; i++) {
        const struct route_want *w = &e->routes.want[i];
        targets[i].destination = w->destination;
        targets[i].hops.count = w->count;
        memcpy(targets[i].hops.links, w->links, sizeof targets[i].hops.links);
    }
    if (status == OK) {
        status =
            route_set(a->routes, c->fleet, &e->routes.fence, targets, count, e->routes.announced);
    }
    free(targets);
    if (status == OK) {
        a->route_state.trying = e->routes.fence;
    } else {
        refuse(a, ACTUATOR_ROUTES, a->idc, &e->routes.fence, status, "the routes were not sent");
    }
}

void actuators_set_features(struct actuators *a, const struct control *c, const struct effect *e)
{
    static const char unset[] = "feature_file is not set in the settings";
    if (!a->feature_state.configured) {
        refuse(a, ACTUATOR_FEATURES, a->idc, &e->features.fence, ERR_NOT_FOUND, unset);
        return;
    }
    struct actuate_result r;
    int status = feature_apply(a->settings->feature_file, c->fleet, &c->plan, a->idc, &r);
    assert(status == r.status);
    finish(a, &r);
}

void actuators_inject(struct actuators *a, const struct control *c, const struct effect *e,
                      int probe)
{
    static const char unset[] = "route_helper_socket is not set in the settings";
    static const char no_probe[] = "the local probe is not there to take its part in the drill";
    const struct fence none = {0};
    int64_t for_ms = (e->inject.for_us + US_PER_MS - 1) / US_PER_MS;
    bool links = e->inject.link_count > 0;
    a->inject_run = e->inject.run;
    a->inject_step = e->inject.step;
    a->inject_busy = true;
    int status = probe;
    if (status == OK && a->routes != NULL) {
        status = route_inject(a->routes, c->fleet, e->inject.links, e->inject.link_count,
                              links && for_ms > 0 ? (uint32_t)for_ms : 0);
        if (status == OK) {
            return; /* its answer comes by on_done */
        }
    } else if (status == OK && links) {
        status = ERR_NOT_FOUND;
    }
    const char *why = status == OK ? "" : probe != OK ? no_probe : unset;
    refuse(a, ACTUATOR_INJECT, a->idc, &none, status, why);
}

bool actuators_busy(const struct actuators *a)
{
    bool busy =
        a->waiting_count > 0 || a->inject_busy || (a->routes != NULL && route_busy(a->routes));
    for (uint16_t i = 0; i < a->dns_count && !busy; i++) {
        busy = a->dns[i] != NULL && dns_busy(a->dns[i]);
    }
    return busy;
}

void actuators_done(struct actuators *a)
{
    drop_all(a);
    uv_close((uv_handle_t *)&a->idle, NULL);
}
