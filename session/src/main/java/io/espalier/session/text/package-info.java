/**
 * Rows as text: {@code tsv}, {@code csv} and {@code jsonl} into upserts, and rows back into {@code
 * tsv}.
 *
 * <p>Read in this order: {@link io.espalier.session.text.TextFormat}, which formats there are and
 * what a line of each means; {@link io.espalier.session.text.RowReader}, which walks over an input
 * and offers key and value as spans of its buffer; {@link
 * io.espalier.session.text.BadLineException}, what it says about a line that it refuses; {@link
 * io.espalier.session.text.TsvWriter} and {@link io.espalier.session.text.Escapes}, the way back.
 *
 * <p>Everything here works on bytes: no string is made for a line, nothing is allocated for a row.
 * What happens to the rows is not known here.
 */
@NullMarked
package io.espalier.session.text;

import org.jspecify.annotations.NullMarked;
