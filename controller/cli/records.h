/* records.h: records of the journal as lines for people and as JSON. */
#ifndef SPILLWAY_CLI_RECORDS_H
#define SPILLWAY_CLI_RECORDS_H

#include "cli/host.h"

enum { SENTENCE_SIZE = 1024, STORY_SIZE = 64 * 1024, PAGE_NAME_SIZE = 64 };

/* {"offset", "kind", "epoch", "replica", "log_time_us", "counts", "outcome", "text", ...} */
json_t *record_json(const struct host *h, const struct host_record *r);
json_t *incident_json(const struct fleet *f, const struct incident *i);
/* The page of runbooks/ on incidents of this kind, below where pages are installed; room has
 * PAGE_NAME_SIZE bytes. */
const char *incident_page(enum incident_kind k, char *room);
/* One sentence, in room of SENTENCE_SIZE bytes. */
void record_sentence(const struct host *h, const struct host_record *r, char *room);
/* True for records that changed something or were a person's word: what history shows. */
bool record_is_history(const struct host_record *r);
const char *outcome_name(uint8_t outcome);
/* Name of the IDC that writes as this replica, "a person", or "replica N"; room has 32 bytes. */
const char *replica_name(const struct fleet *f, uint16_t replica, char *room);

#endif
