/** An example: prices in {@code Bytes}, kept in a table and read in bulk. */
@NullMarked
package io.espalier.examples.chronicle;

import org.jspecify.annotations.NullMarked;
