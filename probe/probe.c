/* probe.c: the probe as a whole: what happens when, and what is told to whom. */
#include "probe.h"

#include "alarm.h"
#include "checks/clocks.h"
#include "local.h"
#include "reporter.h"
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 8, /* at least as many as there are sources */
    FLUSH_MS = 1000,
    LATE_LOGGED_US = 50 * 1000,
    STOOD_STILL_US = 1000 * 1000, /* later than this, we were not there */
};

#define COMPLAINT_US (10 * US_PER_SEC)
#define HINT_US      (3600 * US_PER_SEC)
#define REFRESH_US   (1 * US_PER_SEC)

/* What the descriptors behind the one of the probe are. */
enum source { SOURCE_ALARM, SOURCE_LINKS, SOURCE_TARGETS, SOURCE_LOADS, SOURCE_LOCAL, SOURCE_BUS };

struct probe {
    const struct probe_settings *settings;
    struct logger *log;
    int epoll;
    struct alarm_clock alarm;
    struct lateness lateness;
    struct mono rings; /* what the alarm is set to; late when it is past */
    struct reporter *reporter;
    struct local *local;
    struct world *world; /* NULL until there is a fleet */
    bool building;       /* a world is being made: what it finds is told when it is there */
    uint8_t *frame;      /* the LOCAL_FLEET frame of the world */
    size_t frame_size;
    struct {
        struct mono until; /* by our own clock, whatever else happens */
        bool mute;
        uint16_t view;
        uint32_t factor_ppm;
    } drill;
    struct ticker stamp;
    struct report_schedule report;
    struct mono refresh, reconnect, pump;
    struct log_limit late, bad_packets, unstamped, no_uplink;
    uint64_t bad_known, unstamped_known, no_uplink_known;
};

static void watch(struct probe *p, int fd, enum source source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        log_event(p->log, LOG_ERROR, LOG_CODE("epoll-failed"), LOG_STR("why", strerror(errno)));
}

static void send_edge(struct probe *p, uint32_t i, struct mono now)
{
    uint16_t link = 0;
    uint8_t end = 0;
    struct observation o;
    links_name(p->world->links, i, &link, &end);
    links_observe(p->world->links, i, now, &o);
    local_edge(p->local, link, end, o.health == HEALTH_DOWN, o.held_us);
}

static void on_link(void *context, uint32_t i, enum health before)
{
    struct probe *p = context;
    if (p->building)
        return;
    struct mono now = clock_mono();
    send_edge(p, i, now); /* first of all: a route waits for it */
    report_edge(&p->report, now);
    uint16_t link = 0;
    uint8_t end = 0;
    struct observation o;
    links_name(p->world->links, i, &link, &end);
    links_observe(p->world->links, i, now, &o);
    log_event(p->log, LOG_INFO, LOG_CODE("link-changed"),
              LOG_STR("link", p->world->fleet.links[link].name),
              LOG_STR("health", health_name(o.health)), LOG_STR("before", health_name(before)),
              LOG_INT("held_us", o.held_us), LOG_INT("damped_us", o.damped_us),
              LOG_INT("carrier", o.oper_up), LOG_INT("loss_out_ppm", o.loss_out_ppm),
              LOG_INT("loss_in_ppm", o.loss_in_ppm));
}

static void on_target(void *context, uint32_t i, enum health before)
{
    struct probe *p = context;
    if (p->building)
        return;
    struct mono now = clock_mono();
    report_edge(&p->report, now);
    struct observation o;
    targets_observe(p->world->targets, i, now, &o);
    log_event(p->log, LOG_INFO, LOG_CODE("target-changed"),
              LOG_STR("target", targets_name(p->world->targets, i)),
              LOG_STR("over", targets_carrier(p->world->targets, i)),
              LOG_STR("health", health_name(o.health)), LOG_STR("before", health_name(before)),
              LOG_INT("held_us", o.held_us), LOG_INT("damped_us", o.damped_us),
              LOG_INT("took_us", o.rtt_us));
}

static void on_load(void *context, uint32_t i, bool known)
{
    struct probe *p = context;
    if (known)
        log_event(p->log, LOG_INFO, LOG_CODE("load-known"),
                  LOG_STR("service", loads_name(p->world->loads, i)));
    else
        log_event(p->log, LOG_WARNING, LOG_CODE("load-unknown"),
                  LOG_STR("service", loads_name(p->world->loads, i)));
}

/* Begins to watch by the fleet in this frame; the present world goes on when it is refused. */
static int adopt(struct probe *p, const uint8_t *frame, size_t size, bool reread_keys)
{
    struct local_message m;
    size_t used = 0;
    int status = local_decode(frame, size, &m, &used);
    if (status == OK && m.type != LOCAL_FLEET)
        status = ERR_INVALID;
    uint8_t *copy = status == OK ? malloc(used) : NULL;
    if (status == OK && copy == NULL)
        status = ERR_MEMORY;
    if (status != OK)
        return status;
    memcpy(copy, frame, used);
    const struct world_config config = {
        .idc_name = p->settings->idc,
        .keys_dir = p->settings->keys_dir,
        .log = p->log,
        .lateness = &p->lateness,
        .link_changed = on_link,
        .target_changed = on_target,
        .load_changed = on_load,
        .context = p,
    };
    struct mono now = clock_mono();
    struct world *fresh = NULL;
    p->building = true;
    status = world_new(&config, m.fleet.idc, m.fleet.fleet.at, m.fleet.fleet.size, p->world,
                       reread_keys, now, &fresh);
    p->building = false;
    if (status != OK) {
        free(copy);
        return status;
    }
    world_free(p->world);
    free(p->frame);
    p->world = fresh;
    p->frame = copy;
    p->frame_size = used;
    watch(p, links_fd(fresh->links), SOURCE_LINKS);
    watch(p, targets_fd(fresh->targets), SOURCE_TARGETS);
    watch(p, loads_fd(fresh->loads), SOURCE_LOADS);
    p->stamp = ticker_start(now, fresh->fleet.policy.probe_interval_us);
    p->report = report_schedule_start(now, fresh->fleet.policy.report_interval_us);
    log_event(p->log, LOG_INFO, LOG_CODE("fleet-adopted"), LOG_STR("fleet", fresh->fleet.name),
              LOG_INT("links", fresh->link_count),
              LOG_INT("checks", fresh->count - fresh->link_count));
    return OK;
}

static void on_fleet(void *context, const struct local_message *m, const uint8_t *frame,
                     size_t size)
{
    struct probe *p = context;
    struct digest digest = sha256_of(m->fleet.fleet.at, m->fleet.fleet.size);
    bool same = p->world != NULL && p->world->idc == m->fleet.idc &&
                digest_compare(&digest, &p->world->digest) == 0;
    if (!same) {
        int status = adopt(p, frame, size, false);
        if (status != OK) {
            log_event(p->log, LOG_ERROR, LOG_CODE("fleet-refused"),
                      LOG_STR("why", error_text(status)), LOG_STR("remedy", error_remedy(status)));
            return;
        }
        if (store_fleet_write(p->settings->state_dir, frame, size) != OK)
            log_event(p->log, LOG_ERROR, LOG_CODE("fleet-not-kept"),
                      LOG_STR("why", strerror(errno)));
    }
    /* The daemon now knows these indices: tell it the state of every link end. */
    struct mono now = clock_mono();
    for (uint32_t i = 0; i < p->world->link_count; i++)
        send_edge(p, i, now);
}

/* A drill begins, goes on, or ends here. */
static void on_inject(void *context, const struct local_message *m)
{
    struct probe *p = context;
    struct mono now = clock_mono();
    p->drill.until = mono_add(now, m->inject.for_us);
    p->drill.mute = m->inject.mute;
    p->drill.view = m->inject.view;
    p->drill.factor_ppm = m->inject.factor_ppm;
    report_edge(&p->report, now);
    log_event(p->log, LOG_WARNING,
              LOG_CODE(m->inject.for_us > 0 ? "drill-injected" : "drill-restored"),
              LOG_INT("for_us", m->inject.for_us), LOG_INT("mute", m->inject.mute),
              LOG_INT("factor_ppm", m->inject.factor_ppm));
}

static bool is_muted(const struct probe *p, struct mono now)
{
    return p->drill.mute && now.us < p->drill.until.us;
}

static void on_local(void *context, bool connected, const char *why)
{
    struct probe *p = context;
    p->reconnect = mono_add(clock_mono(), LOCAL_RETRY_US);
    if (connected) {
        watch(p, local_fd(p->local), SOURCE_LOCAL);
        log_event(p->log, LOG_INFO, LOG_CODE("spillwayd-connected"));
    } else {
        log_event(p->log, LOG_WARNING, LOG_CODE("spillwayd-lost"), LOG_STR("why", why));
    }
}

static void load_fleet(struct probe *p)
{
    uint8_t *frame = NULL;
    size_t size = 0;
    int status = store_fleet_read(p->settings->state_dir, &frame, &size);
    if (status == OK)
        status = adopt(p, frame, size, false);
    free(frame);
    if (status == ERR_NOT_FOUND)
        log_event(p->log, LOG_INFO, LOG_CODE("fleet-awaited"),
                  LOG_STR("from", p->settings->probe_socket));
    else if (status != OK)
        log_event(p->log, LOG_WARNING, LOG_CODE("kept-fleet-refused"),
                  LOG_STR("why", error_text(status)));
}

static int start_parts(struct probe *p)
{
    uint64_t incarnation = 0;
    int status = store_next_incarnation(p->settings->state_dir, &incarnation);
    if (status != OK) {
        log_event(p->log, LOG_ERROR, LOG_CODE("state-dir-failed"),
                  LOG_STR("state_dir", p->settings->state_dir),
                  LOG_STR("why", status == ERR_IO ? strerror(errno) : error_text(status)),
                  LOG_STR("remedy",
                          "make it writable for this user; a damaged `incarnation` may be "
                          "removed: wall time takes its place"));
        return status;
    }
    char why[256] = "";
    status = reporter_new(p->settings->brokers, p->settings->kafka_security, p->settings->keys_dir,
                          incarnation, p->log, &p->reporter, why, sizeof(why));
    if (status != OK) {
        log_event(p->log, LOG_ERROR, LOG_CODE("bus-failed"), LOG_STR("why", why));
        return status;
    }
    watch(p, reporter_fd(p->reporter), SOURCE_BUS);
    log_event(p->log, LOG_INFO, LOG_CODE("probe-started"), LOG_STR("version", SPILLWAY_VERSION),
              LOG_INT("incarnation", incarnation));
    const struct local_events events = {on_fleet, on_inject, on_local, p};
    return local_new(p->settings->probe_socket, &events, &p->local);
}

int probe_new(const struct probe_settings *settings, struct logger *log, struct probe **ret)
{
    struct probe *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->settings = settings;
    p->log = log;
    p->alarm.fd = -1;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    int status = p->epoll < 0 ? ERR_IO : alarm_open(&p->alarm);
    if (status == OK) {
        watch(p, p->alarm.fd, SOURCE_ALARM);
        status = start_parts(p);
    }
    if (status != OK) {
        probe_free(p);
        return status;
    }
    load_fleet(p);
    local_connect(p->local);
    *ret = p;
    return OK;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    local_free(p->local);
    world_free(p->world); /* peers now see closed ports, and call the link unknown, not down */
    reporter_free(p->reporter, FLUSH_MS);
    alarm_close(&p->alarm);
    if (p->epoll >= 0)
        close(p->epoll);
    free(p->frame);
    free(p);
}

int probe_fd(const struct probe *p)
{
    return p->epoll;
}

void probe_events(struct probe *p)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(p->epoll, events, EVENTS_MAX, 0);
    bool ready[SOURCE_BUS + 1] = {false};
    for (int i = 0; i < n; i++)
        ready[events[i].data.u32] = true;
    if (ready[SOURCE_ALARM])
        alarm_quiet(&p->alarm);
    /* The order is that of urgency; the local socket comes after links and targets, because it may
     * replace both. */
    if (ready[SOURCE_LINKS])
        links_events(p->world->links);
    if (ready[SOURCE_TARGETS])
        targets_events(p->world->targets);
    if (ready[SOURCE_LOADS])
        loads_events(p->world->loads);
    if (ready[SOURCE_LOCAL])
        local_readable(p->local);
    if (ready[SOURCE_BUS])
        reporter_pump(p->reporter, clock_mono());
}

static void note_lateness(struct probe *p, struct mono now)
{
    if (p->rings.us == 0 || now.us < p->rings.us)
        return;
    int64_t late = mono_diff_us(now, p->rings);
    lateness_note(&p->lateness, p->rings, now);
    /* What was not watched did not hold: else a probe that was stopped through an outage would
     * vouch for the whole time (law 7). */
    if (late >= STOOD_STILL_US && p->world != NULL) {
        links_unseen(p->world->links, now);
        targets_unseen(p->world->targets, now);
    }
    uint64_t silent = 0;
    if (late >= LATE_LOGGED_US && log_allow(&p->late, now, COMPLAINT_US, &silent))
        log_event(p->log, LOG_WARNING, LOG_CODE("probe-late"), LOG_INT("late_us", late),
                  LOG_INT("more", silent));
}

/* Bad packets are counted by the sockets; the log gets the sum now and then. */
static void complain(struct probe *p, struct mono now)
{
    struct stamp_stats s = links_stats(p->world->links);
    uint64_t bad = s.truncated + s.malformed + s.forged + s.replayed + s.foreign;
    uint64_t silent = 0;
    if (bad > p->bad_known && log_allow(&p->bad_packets, now, COMPLAINT_US, &silent))
        log_event(p->log, LOG_WARNING, LOG_CODE("bad-packets"), LOG_INT("truncated", s.truncated),
                  LOG_INT("malformed", s.malformed), LOG_INT("forged", s.forged),
                  LOG_INT("replayed", s.replayed), LOG_INT("foreign", s.foreign));
    p->bad_known = bad;
    if (s.unstamped > p->unstamped_known && log_allow(&p->unstamped, now, HINT_US, &silent))
        log_event(p->log, LOG_INFO, LOG_CODE("no-send-times"), LOG_INT("answers", s.answered),
                  LOG_INT("without", s.unstamped));
    p->unstamped_known = s.unstamped;
    uint64_t without = targets_without_uplink(p->world->targets);
    if (without > p->no_uplink_known && log_allow(&p->no_uplink, now, HINT_US, &silent))
        log_event(p->log, LOG_WARNING, LOG_CODE("no-uplink"), LOG_INT("checks", without));
    p->no_uplink_known = without;
}

static void turn_world(struct probe *p, struct mono now)
{
    struct mono due;
    uint64_t tick = 0;
    if (ticker_take(&p->stamp, now, &tick))
        links_tick(p->world->links, now);
    else if (links_due(p->world->links, &due) && due.us <= now.us)
        links_judge(p->world->links, now);
    targets_turn(p->world->targets, now);
    loads_turn(p->world->loads, now);
    if (now.us >= p->refresh.us) {
        p->refresh = mono_add(now, REFRESH_US);
        links_refresh(p->world->links);
        complain(p, now);
    }
    now = clock_mono();
    if (now.us >= p->report.due.us) {
        bool spikes = now.us < p->drill.until.us;
        p->world->spike = (struct spike){.view = spikes ? p->drill.view : FLEET_NONE,
                                         .factor_ppm = p->drill.factor_ppm};
        if (!is_muted(p, now))
            reporter_send(p->reporter, p->world, lateness_worst_us(&p->lateness, now), now);
        report_sent(&p->report, now);
        reporter_pump(p->reporter, now);
    }
}

static struct mono earlier(struct mono a, struct mono b)
{
    return a.us < b.us ? a : b;
}

static struct mono next_due(const struct probe *p)
{
    struct mono due = p->pump, judge, load;
    if (local_fd(p->local) < 0)
        due = earlier(due, p->reconnect);
    if (p->world == NULL)
        return due;
    due = earlier(due, earlier(p->stamp.due, p->report.due));
    due = earlier(due, earlier(targets_due(p->world->targets), p->refresh));
    if (links_due(p->world->links, &judge))
        due = earlier(due, judge);
    if (loads_due(p->world->loads, &load))
        due = earlier(due, load);
    return due;
}

void probe_turn(struct probe *p)
{
    struct mono now = clock_mono();
    note_lateness(p, now);
    if (p->world != NULL)
        turn_world(p, now);
    if (now.us >= p->pump.us) {
        p->pump = mono_add(now, BUS_PUMP_MS * US_PER_MS);
        reporter_pump(p->reporter, now);
    }
    if (local_fd(p->local) < 0 && now.us >= p->reconnect.us) {
        p->reconnect = mono_add(now, LOCAL_RETRY_US);
        local_connect(p->local);
    }
    p->rings = next_due(p);
    alarm_set(&p->alarm, p->rings);
}

void probe_reread(struct probe *p)
{
    reporter_forget_key(p->reporter);
    int status = OK;
    if (p->world != NULL)
        status = adopt(p, p->frame, p->frame_size, true);
    log_event(p->log, status == OK ? LOG_INFO : LOG_ERROR, LOG_CODE("keys-read"),
              LOG_STR("status", error_text(status)));
}
