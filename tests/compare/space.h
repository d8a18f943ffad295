/* Namespaces: a network without a way out, an /etc that can be written, and no place for a cache. */
#ifndef COMPARE_SPACE_H
#define COMPARE_SPACE_H

#include <stdbool.h>

/* False, with a word on standard output, where that is not allowed. As an ordinary user it needs a user
 * namespace. */
bool space_enter(void);

/* An empty /etc that no other process sees. Ends the process where that fails. */
void space_enter_own_etc(void);

#endif
