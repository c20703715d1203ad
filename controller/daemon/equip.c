/* equip.c: the replica, and everything that is made from the fleet: keys, actuators, partitions,
 * downs. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "wire/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define TOPICS_AGAIN_US (10 * US_PER_SEC)

static uint64_t random_number(void)
{
    uint64_t v = 0;
    while (getrandom(&v, sizeof v, 0) != sizeof v || v == 0) {
    }
    return v;
}

/* Refuses a fleet that does not have our IDC, naming what it has. */
static int refuse_idc(struct daemon *d, const struct fleet *f)
{
    struct text t = text_over(d->why, sizeof d->why);
    text_put(&t, "the settings say idc: ");
    text_put(&t, d->settings.idc);
    text_put(&t, ", and the fleet ");
    text_put(&t, f->name);
    text_put(&t, " of the log has");
    for (uint16_t i = 0; i < f->idc_count && !t.truncated; i++) {
        text_put(&t, i == 0 ? " " : ", ");
        text_put(&t, f->idcs[i].name);
    }
    text_put(&t,
             "; correct idc, point brokers and journal at the right fleet, or stop this daemon: "
             "its IDC was taken out");
    d->phase = PHASE_REFUSED;
    log_event(&d->log, LOG_ERROR, LOG_CODE("idc-unknown"), LOG_STR("why", d->why));
    return ERR_FOREIGN;
}

/* Address space for the largest fleet that there may be, whatever the present one is: a later FLEET
 * record then finds room without a restart. Pages that are not touched cost nothing. */
static void *map_memory(size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(void *memory, size_t size)
{
    if (memory != NULL) {
        (void)munmap(memory, size);
    }
}

void equip_done(struct daemon *d)
{
    unmap_memory(d->replica_memory, replica_size(NULL));
    d->replica_memory = NULL;
    d->replica = NULL;
}

int equip_replica(struct daemon *d, const struct fleet *f, const struct control *restored,
                  bool unproven)
{
    uint16_t idc = fleet_find_idc(f, d->settings.idc);
    if (idc == FLEET_NONE) {
        return refuse_idc(d, f);
    }
    struct replica_config config = {.replica = f->idcs[idc].partition,
                                    .incarnation = random_number(),
                                    .seed = random_number(),
                                    .candidate = f->idcs[idc].candidate,
                                    .version = FOLD_RULES_NEWEST,
                                    .unproven = unproven};
    size_t size = replica_size(NULL);
    void *memory = map_memory(size);
    if (memory == NULL) {
        return ERR_MEMORY;
    }
    struct replica *replica = NULL;
    int status = replica_new(memory, size, &config, restored, mono_now(), &replica);
    if (status != OK) {
        unmap_memory(memory, size);
        return status;
    }
    equip_done(d);
    d->replica_memory = memory;
    d->replica = replica;
    d->idc = idc;
    d->is_equipped = false;
    return OK;
}

/* Report partitions that the fleet needs: its highest number and one. */
static uint16_t partitions_of(const struct fleet *f)
{
    uint16_t partitions = 0;
    for (uint16_t i = 0; i < f->idc_count; i++) {
        uint16_t needed = (uint16_t)(f->idcs[i].partition + 1);
        partitions = needed > partitions ? needed : partitions;
    }
    return partitions;
}

void equip_check_topics(struct daemon *d)
{
    struct mono now = mono_now();
    if (d->replica == NULL || d->topics_status == OK || d->topics_asking ||
        mono_diff_us(now, d->topics_asked) < TOPICS_AGAIN_US) {
        return;
    }
    const struct fleet *f = replica_control(d->replica)->fleet;
    if (f == NULL || !d->log_readable || d->idc == FLEET_NONE || !f->idcs[d->idc].candidate) {
        return;
    }
    d->topics_asked = now;
    d->topics_asking = bus_check_topics(d->bus, partitions_of(f), record_size_bound(f)) == OK;
}

static void tail_reports(struct daemon *d, const struct fleet *f)
{
    int status = bus_tail_reports(d->bus, partitions_of(f), mono_now());
    if (status != OK) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("reports-unread"), LOG_INT("status", status),
                  LOG_STR("why", error_text(status)));
    }
}

void equip_keys(struct daemon *d)
{
    const struct fleet *f = d->replica != NULL ? replica_control(d->replica)->fleet : NULL;
    if (f == NULL) {
        return;
    }
    int status = keyring_load(&d->keys, d->settings.keys_dir, f, &d->log);
    if (status == OK) {
        status = actuators_equip(&d->actuators, f, d->idc, &d->keys);
    }
    if (status != OK) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("equip-failed"), LOG_INT("status", status),
                  LOG_STR("why", error_text(status)));
    }
}

/* A journal that was lost, or is an older copy, counts from below what the log has been told: such
 * a down would hold nothing. */
static void raise_down(struct down *down, const struct control *c, uint16_t link, uint8_t end)
{
    uint32_t told = c->link_downs[link * 2 + end], released = *plan_released(&c->plan, link, end);
    told = told > released ? told : released;
    down->number = down->number > told ? down->number : told;
}

/* The downs of our link ends, from the journal; by name, since indices are a fleet's own. */
static void load_downs(struct daemon *d, const struct fleet *f)
{
    free(d->downs);
    d->downs = calloc(2 * (size_t)f->link_count + 1, sizeof *d->downs);
    for (uint16_t l = 0; l < f->link_count && d->downs != NULL; l++) {
        int end = link_end_at(&f->links[l], d->idc);
        if (end < 0) {
            continue;
        }
        int status = store_down(&d->store, f->links[l].name, (uint8_t)end, &d->downs[l * 2 + end]);
        if (status != OK) {
            log_event(&d->log, LOG_ERROR, LOG_CODE("down-unread"), LOG_INT("status", status),
                      LOG_STR("link", f->links[l].name));
        }
        raise_down(&d->downs[l * 2 + end], replica_control(d->replica), l, (uint8_t)end);
    }
    d->edges_due = true;
}

void equip_parts(struct daemon *d)
{
    const struct control *c = replica_control(d->replica);
    if (c->fleet == NULL ||
        (d->is_equipped && digest_compare(&c->fleet_digest, &d->equipped) == 0)) {
        return;
    }
    uint16_t idc = fleet_find_idc(c->fleet, d->settings.idc);
    d->is_equipped = true;
    d->equipped = c->fleet_digest;
    d->idc = idc;
    if (idc == FLEET_NONE) {
        free(d->downs);
        d->downs = NULL;
        (void)refuse_idc(d, c->fleet); /* a new fleet without us: the replica no longer acts */
        return;
    }
    log_event(&d->log, LOG_INFO, LOG_CODE("fleet"), LOG_STR("fleet", c->fleet->name),
              LOG_INT("era", c->era), LOG_INT("idcs", c->fleet->idc_count),
              LOG_INT("links", c->fleet->link_count), LOG_INT("views", c->fleet->view_count),
              LOG_STR("candidate", c->fleet->idcs[idc].candidate ? "yes" : "no"));
    equip_keys(d);
    d->topics_status = ERR_UNAVAILABLE;
    d->topics_asked = (struct mono){INT64_MIN / 2};
    load_downs(d, c->fleet);
    reports_equip(d, c->fleet);
    tail_reports(d, c->fleet);
    probe_socket_tell_fleet(d);
}

/* A link that is down, or held by a down that the plan has not seen over, is told as down: the
 * probe's first word corrects it. One that the journal has as up is not told: that word is old. */
void equip_edges(struct daemon *d)
{
    if (!d->edges_due || d->replica == NULL || d->downs == NULL) {
        return;
    }
    d->edges_due = false;
    const struct control *c = replica_control(d->replica);
    uint16_t links = c->fleet->link_count;
    for (uint16_t l = 0; l < links; l++) {
        int end = link_end_at(&c->fleet->links[l], d->idc);
        if (end < 0) {
            continue;
        }
        const struct down *down = &d->downs[l * 2 + end];
        uint8_t at = (uint8_t)end;
        if (down->down || down->number > *plan_released(&c->plan, l, at)) {
            struct event e = {
                .kind = EVENT_LINK_EDGE,
                .edge = {.link = l, .end = at, .down = true, .down_number = down->number}};
            daemon_step(d, &e);
        }
    }
}
