/** Where cold bytes go: spill files, pins, codecs, residency and spill statistics. */
@NullMarked
package io.espalier.pager;

import org.jspecify.annotations.NullMarked;
