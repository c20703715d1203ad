/* error.h: the one table of error codes: code, what it means, what a person can do about it. */
#ifndef SPILLWAY_BASE_ERROR_H
#define SPILLWAY_BASE_ERROR_H

/* X(code, value, text, remedy). Values are stable: they appear in journals, --json and exit
 * messages. */
#define ERROR_TABLE(X)                                                                             \
    X(OK, 0, "ok", "nothing to do")                                                                \
    X(ERR_INVALID, -1, "invalid input", "correct the input; the message names the place")          \
    X(ERR_FULL, -2, "a bounded buffer or queue is full", "the bound comes from the fleet's size")  \
    X(ERR_TRUNCATED, -3, "the data ends too early", "the sender or the file is damaged")           \
    X(ERR_TOO_LARGE, -4, "a value is larger than its bound", "see the bound in the message")       \
    X(ERR_NOT_FOUND, -5, "not found", "check the name")                                            \
    X(ERR_EXISTS, -6, "already exists", "choose another name or remove the old one")               \
    X(ERR_STALE, -7, "older than what is already there", "nothing: a newer fence won")             \
    X(ERR_REFUSED, -8, "refused by the other side", "see its log and its access rules")            \
    X(ERR_TIMEOUT, -9, "no answer in time", "check the network and the other side")                \
    X(ERR_UNAUTHENTIC, -10, "the signature does not match", "check the key on both sides")         \
    X(ERR_CLOCK, -11, "the other side's clock is too far away", "synchronise the clocks")          \
    X(ERR_FOREIGN, -12, "belongs to another fleet or log",                                         \
      "point at the right one, or move the journal away")                                          \
    X(ERR_CORRUPT, -13, "the stored data fails its check",                                         \
      "restore from a backup, or move it away to read the log anew")                               \
    X(ERR_DISK_FULL, -14, "no space left", "free space or raise journal_map_size, then restart")   \
    X(ERR_MEMORY, -15, "out of memory", "free memory or raise the limit")                          \
    X(ERR_IO, -16, "input or output failed", "see the system's message beside this one")           \
    X(ERR_PERMISSION, -17, "permission denied", "check owner, mode and capabilities")              \
    X(ERR_UNAVAILABLE, -18, "not reachable now", "it is retried; check the network")               \
    X(ERR_HELD, -19, "a hold is on it", "spillway emergency list says whose it is")                \
    X(ERR_INVARIANT, -20, "an internal invariant is broken", "acting has halted; report the bug")  \
    X(ERR_VERSION, -21, "written by a newer version", "upgrade this binary")                       \
    X(ERR_LYING, -22, "accepted the change and serves something else", "check that server")        \
    X(ERR_GUARD, -23, "a guard forbids it", "see which guard and why in the explanation")          \
    X(ERR_USAGE, -24, "wrong use of the command", "see --help")                                    \
    X(ERR_BUSY, -25, "busy with an earlier request", "wait and try again")

enum error {
#define ERROR_ENUM(code, value, text, remedy) code = value,
    ERROR_TABLE(ERROR_ENUM)
#undef ERROR_ENUM
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* The text of a code; "unknown error" for a number outside the table. Static storage. */
const char *error_text(int code);
/* What a person can do about it. Static storage. */
const char *error_remedy(int code);

#endif
