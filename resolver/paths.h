/* Where the files of the cache's tiers are (tier.h). */
#ifndef AIODNS_PATHS_H
#define AIODNS_PATHS_H

#define AIODNS_PATH_RUN          "/run"
#define AIODNS_PATH_HOST         AIODNS_PATH_RUN "/aiodns"
#define AIODNS_PATH_USERS        AIODNS_PATH_RUN "/user"
#define AIODNS_PATH_USERS_FOLDER "/aiodns" /* of each user, below AIODNS_PATH_USERS "/UID" */
#define AIODNS_PATH_SHARED       "/dev/shm"
#define AIODNS_PATH_SHARED_NAME  "/aiodns." /* how names in there begin */

#endif
