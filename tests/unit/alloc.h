/* malloc and free as the linker's --wrap gives them to the code under test: counted, and failing when told
 * to. */
#ifndef AIODNS_ALLOC_H
#define AIODNS_ALLOC_H

/* The malloc after `successes` more fails, and all after it; negative: none fails. */
void alloc_fail_after(int successes);

/* That one alone fails. */
void alloc_fail_once_after(int successes);

/* Blocks allocated since the start and not freed. */
int alloc_live(void);

#endif
