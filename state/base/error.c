/* error.c: texts of the error table. */
#include "base/error.h"

const char *error_text(int code)
{
    switch (code) {
#define ERROR_CASE(name, value, text, remedy)                                                      \
    case value: return text;
        ERROR_TABLE(ERROR_CASE)
#undef ERROR_CASE
    default: return "unknown error";
    }
}

const char *error_remedy(int code)
{
    switch (code) {
#define ERROR_CASE(name, value, text, remedy)                                                      \
    case value: return remedy;
        ERROR_TABLE(ERROR_CASE)
#undef ERROR_CASE
    default: return "report the number";
    }
}
