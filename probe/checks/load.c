/* load.c: the loads of this IDC's services, read once a second from their own pages. */
#include "checks/load.h"

#include "checks/clocks.h"
#include "checks/http.h"
#include "core/schedule.h"

#include <stdlib.h>
#include <string.h>

enum { LOAD_CONNECTIONS = 2 * FLEET_MAX_SERVICES }; /* kept open */

struct watched_load {
    const struct service *service;
    const struct address **addresses; /* of its entrances here */
    uint32_t address_count, next;
    struct http_check *running; /* NULL: none */
    struct mono began;
    struct check_body body;
    struct load_page page; /* when any */
    struct mono read;      /* when it was asked for */
    bool any, told;        /* told: as known, by `changed` */
};

struct loads {
    const struct fleet *fleet;
    struct http_checks *http;
    struct ticker ticker;
    struct watched_load *items;
    uint32_t count;
    loads_changed_fn *changed;
    void *context;
};

static bool is_known(const struct loads *l, const struct watched_load *w, struct mono now)
{
    return w->any && mono_diff_us(now, w->read) <= l->fleet->policy.report_stale_us;
}

static void tell(struct loads *l, uint32_t i, struct mono now)
{
    struct watched_load *w = &l->items[i];
    bool known = is_known(l, w, now);
    if (known == w->told)
        return;
    w->told = known;
    l->changed(l->context, i, known);
}

static void on_ended(void *context, uint32_t i, bool good)
{
    struct loads *l = context;
    struct watched_load *w = &l->items[i];
    w->running = NULL;
    if (good &&
        load_parse(w->service->load.format, w->body.room, w->body.size, l->fleet, &w->page) == OK) {
        w->any = true;
        w->read = w->began;
    } else {
        w->next = (w->next + 1) % w->address_count;
    }
    tell(l, i, clock_mono());
}

static int item_init(struct watched_load *w, const struct fleet *f, uint16_t service, uint16_t idc)
{
    uint32_t total = 0;
    w->service = &f->services[service];
    for (uint16_t e = 0; e < f->entrance_count; e++)
        if (f->entrances[e].service == service && f->entrances[e].idc == idc)
            total += f->entrances[e].address_count;
    w->addresses = calloc(total + 1, sizeof(*w->addresses));
    w->body = (struct check_body){.room = malloc(LOAD_PAGE_MAX), .max = LOAD_PAGE_MAX};
    if (w->addresses == NULL || w->body.room == NULL)
        return ERR_MEMORY;
    for (uint16_t e = 0; e < f->entrance_count; e++)
        for (uint16_t k = 0; k < f->entrances[e].address_count; k++)
            if (f->entrances[e].service == service && f->entrances[e].idc == idc)
                w->addresses[w->address_count++] = &f->entrances[e].addresses[k];
    return OK;
}

int loads_new(const struct fleet *f, uint16_t idc, loads_changed_fn *changed, void *context,
              struct mono now, struct loads **ret)
{
    uint16_t services[FLEET_MAX_SERVICES];
    struct loads *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_MEMORY;
    l->fleet = f;
    l->changed = changed;
    l->context = context;
    l->ticker = ticker_start(now, LOAD_INTERVAL_US);
    uint32_t count = loads_for_idc(f, idc, services);
    l->items = calloc(count + 1, sizeof(*l->items));
    int status = l->items == NULL ? ERR_MEMORY : OK;
    for (; status == OK && l->count < count; l->count++)
        status = item_init(&l->items[l->count], f, services[l->count], idc);
    if (status == OK)
        status = http_checks_new(LOAD_CONNECTIONS, on_ended, l, &l->http);
    if (status != OK) {
        loads_free(l);
        return status;
    }
    *ret = l;
    return OK;
}

void loads_free(struct loads *l)
{
    if (l == NULL)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        struct watched_load *w = &l->items[i];
        if (w->running != NULL)
            http_check_cancel(l->http, w->running);
        free(w->addresses);
        free(w->body.room);
    }
    http_checks_free(l->http);
    free(l->items);
    free(l);
}

int loads_fd(const struct loads *l)
{
    return http_checks_fd(l->http);
}

void loads_events(struct loads *l)
{
    http_checks_events(l->http, clock_mono());
}

/* Our own shortage is no word of the service's: the next second tries again. */
static void begin(struct loads *l, uint32_t i, struct mono now)
{
    struct watched_load *w = &l->items[i];
    const struct check_request request = {
        .kind = CHECK_HTTP,
        .address = *w->addresses[w->next],
        .port = w->service->load.port,
        .path = w->service->load.path,
        .host = w->service->dns_name,
        .expect_status = 200,
        .body = &w->body,
    };
    w->began = now;
    if (http_check_begin(l->http, &request, i, &w->running) != OK)
        w->running = NULL;
}

static struct mono deadline(const struct loads *l, const struct watched_load *w)
{
    return mono_add(w->began, l->fleet->policy.check_timeout_us);
}

static void end_overdue(struct loads *l, struct mono now)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct watched_load *w = &l->items[i];
        if (w->running == NULL || now.us < deadline(l, w).us)
            continue;
        http_check_cancel(l->http, w->running);
        on_ended(l, i, false);
    }
}

void loads_turn(struct loads *l, struct mono now)
{
    struct mono due;
    uint64_t tick = 0;
    if (http_checks_due(l->http, &due) && due.us <= now.us)
        http_checks_events(l->http, now);
    end_overdue(l, now);
    if (!ticker_take(&l->ticker, now, &tick))
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        tell(l, i, now);
        if (l->items[i].running == NULL)
            begin(l, i, now);
    }
    if (http_checks_due(l->http, &due) && due.us <= clock_mono().us)
        http_checks_events(l->http, clock_mono());
}

bool loads_due(const struct loads *l, struct mono *ret_due)
{
    struct mono due = l->ticker.due, http;
    if (l->count == 0)
        return false;
    if (http_checks_due(l->http, &http) && http.us < due.us)
        due = http;
    for (uint32_t i = 0; i < l->count; i++) {
        struct mono end = deadline(l, &l->items[i]);
        if (l->items[i].running != NULL && end.us < due.us)
            due = end;
    }
    *ret_due = due;
    return true;
}

uint32_t loads_count(const struct loads *l)
{
    return l->count;
}

const char *loads_name(const struct loads *l, uint32_t i)
{
    return l->items[i].service->name;
}

void loads_observe(const struct loads *l, struct mono now, struct load_sample *samples,
                   struct load_rate *rates)
{
    const uint32_t views = l->fleet->view_count;
    memset(samples, 0, l->count * sizeof(*samples));
    memset(rates, 0, (size_t)l->count * views * sizeof(*rates));
    for (uint32_t i = 0; i < l->count; i++) {
        const struct watched_load *w = &l->items[i];
        if (!is_known(l, w, now))
            continue;
        int64_t age_us = mono_diff_us(now, w->read);
        samples[i] = (struct load_sample){
            .valid = true,
            .age_us = age_us > 0 ? age_us : 0,
            .requests_mrps = w->page.requests_mrps,
            .errors_mrps = w->page.errors_mrps,
            .saturation_ppm = w->page.saturation_ppm,
        };
        memcpy(&rates[i * views], w->page.views, views * sizeof(*rates));
    }
}
