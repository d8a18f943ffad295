/* Domain names as text, in the form of ns_name_ntop(): without a dot at the end, "." for the root. */
#ifndef COMPARE_TEXT_H
#define COMPARE_TEXT_H

#include "lookup.h"

#include <arpa/nameser.h>

/* `name` in lower case into buf, which has room for NS_MAXDNAME. */
void lower_text(char *buf, const char *name);
bool has_capitals(const char *name);

/* Whether the names are the same but for letter case; whether `name` is `top` or below it. */
bool same_text(const char *a, const char *b);
bool within_text(const char *name, const char *top);

/* A name as programs write it in the form that servers see; false: it is no domain name. */
bool wire_text(const char *text, char buf[NS_MAXDNAME]);

/* "4.3.2.1.in-addr.arpa" */
void reverse_name(const struct address *address, char buf[NS_MAXDNAME]);

#endif
