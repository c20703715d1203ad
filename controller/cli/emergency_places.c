/* emergency_places.c: DNS servers, this host's routes and features: reads what stands there and
 * writes a person's word. */
#include "cli/emergency.h"

#include "actuate/feature.h"
#include "actuate/route_hold.h"
#include "config/confine.h"
#include "config/keys.h"

#include <string.h>

enum { ROUTE_ASK_MS = 2000 };
#define DNS_TIMEOUT_MOST_US (3 * US_PER_SEC)

static bool add_key(const struct cli *c, const char *id, struct dns_target *t, char *why)
{
    struct key key;
    if (id[0] == '\0' || key_load(c->settings.keys_dir, id, &key, why, CLI_WHY_SIZE) != OK) {
        return false;
    }
    struct dns_key *to = &t->keys[t->key_count++];
    snprintf(to->name, sizeof to->name, "%s", id);
    to->size = key.size;
    memcpy(to->secret, key.bytes, key.size);
    key_wipe(&key);
    return true;
}

/* How to reach a server; wipe it after use. */
static int target_of(const struct cli *c, const struct fleet *f, uint16_t server,
                     struct dns_target *t, char *why)
{
    const struct dns_server *s = &f->dns_servers[server];
    int64_t timeout = f->policy.dns_timeout_us;
    *t = (struct dns_target){.server = server,
                             .address = s->address,
                             .port = s->port,
                             .timeout_us =
                                 timeout < DNS_TIMEOUT_MOST_US ? timeout : DNS_TIMEOUT_MOST_US};
    snprintf(t->zone, sizeof t->zone, "%s", f->zone);
    if (confine_memory() != OK) {
        snprintf(why, CLI_WHY_SIZE, "its memory, which is to hold keys, stays open to others");
        return ERR_PERMISSION;
    }
    const bool first = add_key(c, s->tsig_key, t, why);
    const bool second = add_key(c, s->tsig_key_next, t, why);
    return first || second ? OK : ERR_PERMISSION;
}

static void read_dns(const struct cli *c, const struct fleet *f, struct place *at)
{
    struct dns_target t;
    at->status = target_of(c, f, at->server, &t, at->detail);
    if (at->status == OK) {
        at->status = dns_hold_read(&t, &at->found, at->detail);
    }
    explicit_bzero(&t, sizeof t);
}

static void read_features(const struct cli *c, struct place *at)
{
    struct feature_file file = {0};
    at->status = feature_read(c->settings.feature_file, &file);
    if (at->status == OK) {
        at->found = (struct fence_state){file.fence, file.hold};
    } else if (at->status == ERR_NOT_FOUND) {
        at->status = OK; /* no file, no fence */
    }
    feature_file_done(&file);
}

static struct place *add(struct places *p, enum actuator actuator, const char *name)
{
    struct place *at = &p->at[p->count++];
    *at = (struct place){.actuator = actuator};
    snprintf(at->name, sizeof at->name, "%s", name);
    return at;
}

void places_read(const struct cli *c, const struct fleet *f, struct places *ret_places)
{
    ret_places->fleet = f;
    ret_places->count = 0;
    for (uint16_t i = 0; i < f->dns_server_count; i++) {
        struct place *at = add(ret_places, ACTUATOR_DNS, f->dns_servers[i].name);
        at->server = i;
        read_dns(c, f, at);
    }
    struct place *at = add(ret_places, ACTUATOR_ROUTES, "routes");
    at->unset = c->settings.route_helper_socket[0] == '\0';
    at->status = at->unset
                     ? ERR_NOT_FOUND
                     : route_hold_read(c->settings.route_helper_socket, ROUTE_ASK_MS, &at->found);
    at = add(ret_places, ACTUATOR_FEATURES, "features");
    at->unset = c->settings.feature_file[0] == '\0';
    if (at->unset) {
        at->status = ERR_NOT_FOUND;
    } else {
        read_features(c, at);
    }
}

int places_want(struct places *p, const char *target)
{
    bool found = false;
    const bool all = strcmp(target, "all") == 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct place *at = &p->at[i];
        at->wanted = all ? !at->unset : strcmp(target, at->name) == 0;
        found = found || at->wanted;
    }
    return found ? OK : ERR_NOT_FOUND;
}

uint32_t places_want_hold(struct places *p, uint32_t id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct place *at = &p->at[i];
        at->wanted = at->status == OK && at->found.hold.id == id;
        count += at->wanted ? 1 : 0;
    }
    return count;
}

static void write_dns(const struct cli *c, const struct fleet *f, struct place *at,
                      const struct hold_order *order, const struct dns_answer *answer)
{
    struct dns_target t;
    struct fence_hold hold;
    at->status = actuate_admit_hold(order, &at->found, &hold);
    if (at->status == OK) {
        at->status = target_of(c, f, at->server, &t, at->detail);
    }
    if (at->status == OK) {
        at->status = dns_hold_write(&t, &at->found, &hold, answer, at->detail);
    }
    explicit_bzero(&t, sizeof t);
    if (at->status == OK) {
        at->found.hold = hold;
    }
}

void place_write(const struct cli *c, const struct fleet *f, struct place *at,
                 const struct hold_order *order, const struct dns_answer *answer)
{
    if (at->status != OK) {
        return; /* it could not even be read */
    }
    at->detail[0] = '\0';
    switch (at->actuator) {
    case ACTUATOR_DNS: write_dns(c, f, at, order, answer); break;
    case ACTUATOR_ROUTES:
        at->status = route_hold(c->settings.route_helper_socket, ROUTE_ASK_MS, order, &at->found);
        break;
    case ACTUATOR_FEATURES:
        at->status = feature_hold(c->settings.feature_file, order, &at->found);
        break;
    case ACTUATOR_INJECT: at->status = ERR_INVALID; break;
    }
    if (at->status == ERR_NOT_FOUND && at->found.fence.era == 0) {
        snprintf(at->detail, sizeof at->detail,
                 "there is no fence: Spillway has written nothing there yet");
    }
}

void place_print(const struct place *at, FILE *out)
{
    fprintf(out, "  %-24s ", at->name);
    if (at->unset) {
        fputs("not in the settings of this host\n", out);
    } else if (at->status != OK) {
        fprintf(out, "NOT REACHED: %s%s%s\n", error_text(at->status),
                at->detail[0] != '\0' ? ": " : "", at->detail);
    } else if (at->found.fence.era == 0) {
        fputs("no fence yet, so nothing to hold\n", out);
    } else {
        fprintf(out, "era %llu generation %llu, ", (unsigned long long)at->found.fence.era,
                (unsigned long long)at->found.fence.generation);
        if (at->found.hold.id == 0) {
            fputs("no hold\n", out);
        } else {
            fprintf(out, "HELD, hold %u by %s: %s\n", at->found.hold.id, at->found.hold.who,
                    at->found.hold.why);
        }
    }
}

json_t *place_json(const struct place *at)
{
    const struct fence_hold *h = &at->found.hold;
    json_t *hold = h->id == 0 ? json_null()
                              : json_pack("{s:I, s:s, s:s}", "id", (json_int_t)h->id, "who", h->who,
                                          "why", h->why);
    return json_pack("{s:s, s:s, s:b, s:b, s:i, s:s, s:s, s:I, s:I, s:o}", "target", at->name,
                     "actuator", actuator_name(at->actuator), "configured", !at->unset, "wanted",
                     at->wanted, "status", at->status, "text", error_text(at->status), "detail",
                     at->detail, "era", (json_int_t)at->found.fence.era, "generation",
                     (json_int_t)at->found.fence.generation, "hold", hold);
}
