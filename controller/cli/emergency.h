/* emergency.h: break-glass: what stands at the places that the machine writes to, and a person's
 * word on it, without log, leader or daemon (PROTOCOL.md "Holds", ADR 71). */
#ifndef SPILLWAY_CLI_EMERGENCY_H
#define SPILLWAY_CLI_EMERGENCY_H

#include "actuate/dns_hold.h"
#include "cli/cli.h"

#include <jansson.h>

enum { EMERGENCY_ID_MAX = 999999 }; /* short enough to be read out on a telephone */

/* A place, as it was found, and what came of the word on it. */
struct place {
    enum actuator actuator;
    uint16_t server; /* DNS */
    char name[FLEET_NAME_SIZE + 8];
    bool unset;  /* the settings of this host name none */
    bool wanted; /* the word is about it */
    int status;  /* of the reading, then of the word */
    char detail[CLI_WHY_SIZE];
    struct fence_state found;
};

struct places {
    const struct fleet *fleet;
    uint32_t count;
    struct place at[FLEET_MAX_DNS_SERVERS + 2]; /* DNS servers, then routes and features here */
};

/* Names the places of the fleet and reads each. */
void places_read(const struct cli *c, const struct fleet *f, struct places *ret_places);
/* Marks those that the target names: a DNS server, "routes", "features", "all" (that have a fence).
 * ERR_NOT_FOUND. */
int places_want(struct places *p, const char *target) MUST_CHECK;
/* Marks those with this hold; returns how many. */
uint32_t places_want_hold(struct places *p, uint32_t id);
/* Carries the word out at a place; answer: only for a DNS server, or NULL. The outcome is in the
 * place. */
void place_write(const struct cli *c, const struct fleet *f, struct place *at,
                 const struct hold_order *order, const struct dns_answer *answer);
/* One line on what stands there. */
void place_print(const struct place *at, FILE *out);
json_t *place_json(const struct place *at);

/* Who types, by the kernel: the login (which sudo does not change), the user when that is another,
 * and the host. */
void emergency_who(char ret_who[HOLD_WHO_SIZE]);

/* The file beside the journal that every word goes to before anything is sent: one JSON object per
 * line, only ever appended to and synced. */
struct wordbook {
    int fd;
    char path[SETTINGS_PATH_SIZE + 16];
};
int wordbook_open(const struct cli *c, struct wordbook *ret_book) MUST_CHECK;
/* Takes over line. ERR_DISK_FULL, ERR_IO, ERR_MEMORY: it is not kept. */
int wordbook_add(const struct wordbook *b, json_t *line) MUST_CHECK;
void wordbook_close(struct wordbook *b);

#endif
