/* daemon.c: the life of spillwayd: start, one loop, drain, end. */
#include "daemon/daemon.h"

#include "config/confine.h"
#include "daemon/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define DRAIN_US (2 * US_PER_SEC)
#define PUMP_US  ((int64_t)BUS_PUMP_MS * US_PER_MS)
#define MIN_SLEEP_US                                                                               \
    200 /* a deadline that has passed is met in the next turn, without spinning                    \
         */

enum { FLUSH_MS = 1000 };

void daemon_set_timer(struct daemon *d)
{
    struct mono next = mono_add(d->pumped, PUMP_US);
    if (d->replica != NULL && d->phase != PHASE_FAILED) {
        struct mono due = replica_deadline(d->replica);
        next = mono_diff_us(due, next) < 0 ? due : next;
    }
    struct mono soonest = mono_add(mono_now(), MIN_SLEEP_US);
    next = mono_diff_us(next, soonest) < 0 ? soonest : next;
    struct itimerspec at = {
        .it_value = {.tv_sec = next.us / US_PER_SEC, .tv_nsec = next.us % US_PER_SEC * 1000}};
    if (timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) != 0) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("timer-failed"), LOG_STR("why", strerror(errno)));
    }
}

/* Nothing is in flight here, and somebody else leads: a yield may have to wait for the record in
 * flight. */
static bool is_drained(const struct daemon *d)
{
    return !actuators_busy(&d->actuators) && (d->replica == NULL || !replica_leads(d->replica));
}

/* What time asks for: the replica's deadline, the bus's pump, clients that wait, the end of a
 * drain. */
static void run_due(struct daemon *d)
{
    struct mono now = mono_now();
    if (d->replica != NULL && mono_diff_us(now, replica_deadline(d->replica)) >= 0) {
        struct event tick = {.kind = EVENT_TICK};
        daemon_step(d, &tick);
    }
    if (mono_diff_us(now, d->pumped) >= PUMP_US) {
        follow_pump(d);
        (void)sd_notify(0, "WATCHDOG=1");
    }
    control_socket_expire(d, now);
    if (d->stopping && (is_drained(d) || mono_diff_us(now, d->stop_until) >= 0)) {
        uv_stop(&d->loop);
    }
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct daemon *d = poll->data;
    uint64_t expirations;
    (void)status;
    (void)events;
    if (read(d->timer_fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED) {
        log_event(&d->log, LOG_DEBUG, LOG_CODE("clock-set"));
    }
    run_due(d);
    daemon_set_timer(d);
}

static void on_bus(uv_poll_t *poll, int status, int events)
{
    struct daemon *d = poll->data;
    (void)status;
    (void)events;
    follow_pump(d);
    daemon_set_timer(d);
}

static void on_outcome(void *user, const struct outcome *outcome)
{
    struct daemon *d = user;
    struct event e = {.kind = EVENT_OUTCOME, .outcome = *outcome};
    daemon_step(d, &e);
    daemon_set_timer(d);
}

/* SIGHUP: keys and the log's level and format; all else needs a restart. */
static void reload(struct daemon *d)
{
    char *text = NULL;
    size_t len = 0;
    struct config_errors errs = {.items = NULL};
    struct spillwayd_settings fresh;
    int status = config_file_read(d->config_path, SETTINGS_MAX_BYTES, &text, &len, &errs);
    if (status == OK) {
        status = config_spillwayd_parse(text, len, &fresh, &errs);
    }
    free(text);
    if (status == OK) {
        d->settings.log_format = d->log.format = fresh.log_format;
        d->settings.log_level = d->log.level = fresh.log_level;
    }
    log_event(&d->log, status == OK ? LOG_INFO : LOG_ERROR, LOG_CODE("reloaded"),
              LOG_INT("status", status),
              LOG_STR("why", errs.count > 0 ? errs.items[0].text : error_text(status)));
    config_errors_done(&errs);
    equip_keys(d);
}

static void stop(struct daemon *d)
{
    if (d->stopping) {
        return;
    }
    d->stopping = true;
    d->stop_until = mono_add(mono_now(), DRAIN_US);
    (void)sd_notify(0, "STOPPING=1");
    log_event(&d->log, LOG_INFO, LOG_CODE("stopping"));
    struct event e = {.kind = EVENT_STOP};
    daemon_step(d, &e);
    run_due(d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (number == SIGHUP) {
        reload(d);
    } else {
        stop(d);
    }
    daemon_set_timer(d);
}

/* Tells why the start failed; gives the status. */
static int failed(const struct daemon *d, const char *what, int status, const char *why)
{
    log_event(&d->log, LOG_ERROR, LOG_CODE("start-failed"), LOG_STR("what", what),
              LOG_INT("status", status), LOG_STR("why", why != NULL ? why : error_text(status)),
              LOG_STR("remedy", error_remedy(status)));
    return status;
}

/* The journal, and what it knows already. */
static int start_journal(struct daemon *d)
{
    char room[WHY_SIZE];
    struct text why = text_over(room, sizeof room);
    size_t map = (size_t)d->settings.journal_map_bytes;
    int status = store_open(&d->store, d->settings.journal, map, &why);
    if (status != OK) {
        return failed(d, "journal", status, room);
    }
    struct restored restored;
    status = store_restore(&d->store, &restored);
    if (status == ERR_NOT_FOUND) {
        return OK;
    }
    if (status != OK) {
        return failed(d, "journal", status,
                      "its control state cannot be used: see spillway journal verify");
    }
    status = equip_replica(d, restored.control.fleet, &restored.control, false);
    if (status == OK) {
        log_event(&d->log, LOG_INFO, LOG_CODE("restored"),
                  LOG_INT("applied", restored.control.applied),
                  LOG_INT("generation", restored.control.plan.fence.generation));
    }
    restored_done(&restored);
    return status == OK ? OK : failed(d, "journal", status, d->why[0] != '\0' ? d->why : NULL);
}

static int start_bus(struct daemon *d)
{
    char why[BUS_TEXT_SIZE], id[FLEET_NAME_SIZE + 16];
    snprintf(id, sizeof id, "spillwayd-%s", d->settings.idc);
    struct bus_config config = {.brokers = d->settings.brokers,
                                .client_id = id,
                                .security = d->settings.kafka_security,
                                .development = d->settings.development_broker};
    int status = bus_open(&config, &d->bus, why, sizeof why);
    return status == OK ? OK : failed(d, "bus", status, why);
}

static int start_sockets(struct daemon *d)
{
    int status = control_socket_open(d);
    if (status != OK) {
        return failed(d, d->settings.control_socket, status, NULL);
    }
    status = probe_socket_open(d);
    return status == OK ? OK : failed(d, d->settings.probe_socket, status, NULL);
}

static int start_handles(struct daemon *d)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int rc = uv_poll_init(&d->loop, &d->timer_poll, d->timer_fd);
    d->timer_poll.data = d->bus_poll.data = d;
    rc = rc != 0 ? rc : uv_poll_start(&d->timer_poll, UV_READABLE, on_timer);
    rc = rc != 0 ? rc : uv_poll_init(&d->loop, &d->bus_poll, bus_fd(d->bus));
    rc = rc != 0 ? rc : uv_poll_start(&d->bus_poll, UV_READABLE, on_bus);
    for (size_t i = 0; i < 3 && rc == 0; i++) {
        d->signals[i].data = d;
        rc = uv_signal_init(&d->loop, &d->signals[i]);
        rc = rc != 0 ? rc : uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    return rc == 0 ? OK : failed(d, "event loop", ERR_IO, uv_strerror(rc));
}

/* It needs none: routes are the helper's. Only a root that gives the control socket to a group has
 * needed one, by now; the bus, which comes next, has threads. */
static int give_up_privileges(struct daemon *d)
{
    int status = confine(NULL, 0);
    return status == OK ? OK : failed(d, "giving up privileges", status, NULL);
}

static int start(struct daemon *d)
{
    d->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    d->effects = calloc(REPLICA_MAX_EFFECTS, sizeof *d->effects);
    if (d->timer_fd < 0 || d->effects == NULL) {
        return failed(d, "timer", d->effects == NULL ? ERR_MEMORY : ERR_IO, NULL);
    }
    int status = actuators_init(&d->actuators, &d->loop, &d->settings, &d->log, on_outcome, d);
    status = status == OK ? start_journal(d) : status;
    status = status == OK ? start_sockets(d) : status;
    status = status == OK ? give_up_privileges(d) : status;
    status = status == OK ? start_bus(d) : status;
    status = status == OK ? start_handles(d) : status;
    if (status != OK) {
        return status;
    }
    follow_start(d);
    if (d->replica != NULL) {
        equip_parts(d);
        equip_edges(d);
    }
    follow_pump(d);
    daemon_set_timer(d);
    return OK;
}

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Closes in the order of dependence; the journal last, when nothing can happen any more. */
static void end(struct daemon *d)
{
    unix_server_free(d->control);
    unix_server_free(d->probe);
    d->control = d->probe = NULL;
    actuators_done(&d->actuators);
    uv_run(&d->loop, UV_RUN_NOWAIT);
    uv_walk(&d->loop, close_handle, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&d->loop);
    bus_close(d->bus, FLUSH_MS);
    if (d->phase != PHASE_FAILED && d->store.journal != NULL) {
        reports_save(d, true);
        (void)daemon_commit(d);
    }
    store_close(&d->store);
    keyring_done(&d->keys);
    if (d->timer_fd >= 0) {
        close(d->timer_fd);
    }
    equip_done(d);
    free(d->effects);
    free(d->downs);
    free(d->heard);
    free(d->arena);
    free(d->encoded);
}

int daemon_run(struct daemon *d)
{
    d->started = mono_now();
    d->idc = FLEET_NONE;
    d->doubted = (struct mono){INT64_MIN / 2};
    d->log_end = -1;
    d->topics_status = ERR_UNAVAILABLE;
    d->timer_fd = -1;
    if (uv_loop_init(&d->loop) != 0) {
        (void)failed(d, "event loop", ERR_IO, NULL);
        return EXIT_FAILURE;
    }
    log_event(&d->log, LOG_INFO, LOG_CODE("starting"), LOG_STR("version", SPILLWAY_VERSION),
              LOG_STR("brokers", d->settings.brokers), LOG_STR("journal", d->settings.journal));
    int status = start(d);
    if (status == OK) {
        (void)sd_notify(0, "READY=1");
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    bool good = status == OK && d->phase != PHASE_FAILED;
    end(d);
    log_event(&d->log, LOG_INFO, LOG_CODE("stopped"), LOG_STR("result", good ? "ok" : "failed"));
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
