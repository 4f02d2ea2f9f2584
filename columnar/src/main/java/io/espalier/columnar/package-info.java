/** What the bytes mean: chunks, tries, views, melds, merges, cursors, extraction and batches. */
@NullMarked
package io.espalier.columnar;

import org.jspecify.annotations.NullMarked;
