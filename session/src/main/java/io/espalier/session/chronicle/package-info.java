/**
 * A bridge to <a href="https://github.com/OpenHFT/Chronicle-Bytes">chronicle-bytes</a>, for
 * applications that keep their data in {@code Bytes}: keys and values go from there into probes and
 * tables, and rows of the engine are read as {@code Bytes}, over the same native memory and without
 * a copy on the heap.
 *
 * <ul>
 *   <li>{@link io.espalier.session.chronicle.BytesWriter}: a value written through {@code Bytes}
 *       (UTF-8, stop-bit, raw) into native room, and from there into a column of probes;
 *   <li>{@link io.espalier.session.chronicle.BytesTable}: {@code put}, {@code delete} and {@code
 *       get} of a table with keys and values in {@code Bytes};
 *   <li>{@link io.espalier.session.chronicle.BytesRows}: the rows of a run, such as the staging of
 *       an extraction, read as {@code Bytes}.
 * </ul>
 *
 * <p><b>Lifetime.</b> A {@code BytesStore} does not know whether its memory is still there. So what
 * is lent here is lent for a scope: until the next row, the next {@code begin}, or the close of the
 * object that lent it. Meanwhile the bytes are held, by a pin or a lease. Afterwards the store is
 * empty and its memory refuses: reading or writing throws {@link IllegalStateException}, or the
 * {@code BufferUnderflowException} or {@code BufferOverflowException} of {@code Bytes}, and never
 * touches bytes that became another's. What is lent for reading is not to be written to, and a
 * {@code BytesStore}, unlike {@code Bytes}, does not check bounds: that is so in chronicle-bytes.
 *
 * <p><b>Optional.</b> Nothing else in Espalier needs chronicle-bytes; who uses this package adds
 * {@code net.openhft:chronicle-bytes} to the classpath, without {@code
 * net.openhft:chronicle-analytics}, which reports to a host on the network.
 *
 * <p><b>JVM flags.</b> None for this package, on JDK 25. chronicle-bytes uses {@code
 * sun.misc.Unsafe}, of which the JVM warns once ({@code --sun-misc-unsafe-memory-access=allow}
 * silences it), and does not work under {@code --sun-misc-unsafe-memory-access=deny}. Features of
 * chronicle-bytes that are not used here need more: {@code BytesStore.wrap} of a direct {@code
 * ByteBuffer} {@code --add-exports=java.base/sun.nio.ch=ALL-UNNAMED}, and {@code MappedBytes}
 * {@code --add-opens=java.base/sun.nio.ch=ALL-UNNAMED},{@code
 * --add-opens=java.base/java.lang.reflect=ALL-UNNAMED} and {@code
 * --add-exports=java.base/jdk.internal.ref=ALL-UNNAMED}; the last of them also silences a warning
 * about its cleaner.
 */
@NullMarked
package io.espalier.session.chronicle;

import org.jspecify.annotations.NullMarked;
