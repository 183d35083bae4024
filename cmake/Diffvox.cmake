# SPDX-License-Identifier: MIT
# Every compiler flag and the shape of every target live here.

option(DV_WERROR "Treat warnings as errors" OFF)
set(DV_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. address,undefined")

add_library(dv_flags INTERFACE)
target_compile_features(dv_flags INTERFACE c_std_11)
# No -ffast-math: NaN guards must survive.
target_compile_options(dv_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wno-unknown-pragmas -Wno-psabi -fno-math-errno -fno-trapping-math)
if(DV_WERROR)
  target_compile_options(dv_flags INTERFACE -Werror)
endif()
if(DV_SANITIZE)
  target_compile_options(dv_flags INTERFACE -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
                                            "-fsanitize=${DV_SANITIZE}")
  target_link_options(dv_flags INTERFACE "-fsanitize=${DV_SANITIZE}")
endif()
target_include_directories(dv_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
target_compile_definitions(dv_flags INTERFACE _GNU_SOURCE "DV_VERSION=\"${PROJECT_VERSION}\"")

# dv_library(NAME SOURCES a.c ... [DEPENDS other_dv_library ...] [LIBS target ...])
# A static library, and with tests its twin NAME64: the same sources with dv_real = double.
function(dv_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS" ${ARGN})
  set(variants " ")
  if(DV_BUILD_TESTS)
    list(APPEND variants "64")
  endif()
  foreach(variant IN LISTS variants)
    string(STRIP "${variant}" suffix)
    set(target ${name}${suffix})
    add_library(${target} STATIC ${ARG_SOURCES})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${target} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/diffvox>)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:dv_flags>)
    if(suffix)
      target_compile_definitions(${target} PUBLIC DV_DOUBLE)
    endif()
    foreach(dep IN LISTS ARG_DEPENDS)
      target_link_libraries(${target} PUBLIC ${dep}${suffix})
    endforeach()
    target_link_libraries(${target} PUBLIC ${ARG_LIBS} m)
    if(DV_SANITIZE)
      target_link_options(${target} PUBLIC "-fsanitize=${DV_SANITIZE}")
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY DV_INSTALLED_LIBRARIES ${name})
endfunction()

# dv_tool(NAME SOURCES a.c ... DEPENDS dv_library ... [LIBS target ...]): an installed program.
function(dv_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE dv_flags ${ARG_DEPENDS} ${ARG_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# dv_test(NAME SOURCES a.c ... DEPENDS library ... [ARGS ...]): a cmocka program registered with ctest.
function(dv_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS;ARGS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE dv_flags ${ARG_DEPENDS} ${ARG_LIBS} PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200)
endfunction()

# Libraries, headers and diffvox.pc.
function(dv_install_package)
  get_property(libs GLOBAL PROPERTY DV_INSTALLED_LIBRARIES)
  install(TARGETS ${libs} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  # A header says in its first comment when it is private.
  foreach(folder dsp dsp/realtime estimator presets datasets report)
    file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
    foreach(header IN LISTS headers)
      file(STRINGS ${header} private REGEX "^/\\* Private:")
      if(NOT private)
        install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/diffvox/${folder})
      endif()
    endforeach()
  endforeach()
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          FILES_MATCHING PATTERN "*.1")
  # Relative, so that an installed tree may be moved.
  file(RELATIVE_PATH DV_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/diffvox.pc.in ${PROJECT_BINARY_DIR}/diffvox.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/diffvox.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
