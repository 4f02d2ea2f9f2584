/**
 * Applications: stores of keyed tables, and the command line that works on them.
 *
 * <p>Read in this order: {@link io.espalier.session.Store}, a directory whose tables change in
 * epochs; {@link io.espalier.session.Table}, one of them; {@link io.espalier.session.RowCursor} and
 * {@link io.espalier.session.ChangeCursor}, its rows and their differences; {@link
 * io.espalier.session.StoreListener}, which follows several tables as they change; {@link
 * io.espalier.session.StoreStats}, a look inside. {@link io.espalier.session.Limits} says what is
 * accepted, {@link io.espalier.session.StoreException} what can go wrong.
 *
 * <p>What bytes mean, where they live and how they are merged is the work of the floors below. The
 * command line is in {@code io.espalier.session.cli} and uses nothing but this package's public
 * types.
 */
@NullMarked
package io.espalier.session;

import org.jspecify.annotations.NullMarked;
