/* fleet_stage.h: a world, and a person's new fleet given to it, for tests of the fold. */
#ifndef SPILLWAY_TEST_FLEET_STAGE_H
#define SPILLWAY_TEST_FLEET_STAGE_H

#include "core_world.h"
#include "fleet_remade.h"

enum { WEB, LEDGER };
enum { BEIJING, SHANGHAI, SHENZHEN };

#define STEP_US (50 * US_PER_MS)
#define THIS    (&(struct remake){0})

extern struct world *w;
extern struct operator_record command; /* the newest one; its bytes are owned */

/* Fixture: three-idc, quiet. */
void setup(void);
void teardown(void);
/* The command as a daemon makes it, in `command`; what plan_following() says. */
int prepare(const struct fleet *next);
/* Memory for the state of that fleet, to be freed. */
void *room_for(const struct fleet *next, struct arena *a);
/* What `command` comes to, without folding it; it leaves a sound state, or the one from before. */
enum fold_void tried(struct control *ret_next, struct arena *a);
enum fold_void judged(const struct fleet *next);
/* A control state in its canonical form, to be freed. */
uint8_t *state_bytes(const struct control *c, size_t *ret_size);
/* Fails unless a replica that is restored from c has the same state. */
void same_when_restored(struct control *c);
/* A person's word that counts. */
void say(enum operator_command what, enum subject_kind kind, uint16_t a, uint16_t b, uint8_t tier);
/* The leader has read the plan that it made. */
void settle(void);
/* A link is cut, an IDC is dead, there are orders of all kinds, kept values, downs, demand. */
void make_busy(void);

#endif
