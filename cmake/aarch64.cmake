# For arm64 on another machine, by a cross compiler: the one that packaging/arm64 has unpacked below build/arm64-tools, else this
# machine's. Libraries are those of build/arm64-root, else this machine's own for arm64 (Debian's multiarch). Tests run by qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

get_filename_component(aarch64_build "${CMAKE_CURRENT_LIST_DIR}/../build" ABSOLUTE)
set(aarch64_tools "${aarch64_build}/arm64-tools/root/usr/bin")
set(aarch64_root "${aarch64_build}/arm64-root/root")

find_program(AIODNS_AARCH64_CC REQUIRED HINTS "${aarch64_tools}"
  NAMES aarch64-linux-gnu-gcc aarch64-linux-gnu-gcc-15 aarch64-linux-gnu-gcc-14 aarch64-linux-gnu-gcc-13 aarch64-linux-gnu-gcc-12)
set(CMAKE_C_COMPILER "${AIODNS_AARCH64_CC}")

find_program(AIODNS_AARCH64_QEMU HINTS "${aarch64_tools}" NAMES qemu-aarch64-static qemu-aarch64)
set(CMAKE_CROSSCOMPILING_EMULATOR "${AIODNS_AARCH64_QEMU}")

if(EXISTS "${aarch64_root}/usr/lib")
  set(CMAKE_SYSROOT "${aarch64_root}")
  set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -L "${aarch64_root}")
else()
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -L /)
endif()
