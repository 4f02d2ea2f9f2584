/** Measurements of all floors, beside a plain copy and the peers. */
@NullMarked
package io.espalier.jmh;

import org.jspecify.annotations.NullMarked;
