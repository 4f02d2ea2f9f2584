/**
 * Who owns native bytes. Everything that Espalier holds outside of the heap is a range of one large
 * segment, has one owner at a time, and is counted.
 *
 * <p>In the order of reading:
 *
 * <ol>
 *   <li>{@link NativeMemory}: one reserved address range per store. It hands out ranges of it,
 *       fresh or mapped from a file, takes them back, and refuses to close while one is out. Behind
 *       it, by what they do: {@code Reservation} gets the range, {@code SizeClasses} says how it is
 *       cut, {@code Slots} knows which parts are out and counts them, {@code Mappings} puts files
 *       there, {@code Pages} asks the system for pages or gives them back, {@code Windows} shows
 *       the range to libraries that want buffers.
 *   <li>{@link Lease}: the hold on one such range, closed exactly once. Code that reads or writes
 *       works on {@code (segment, offset, size)} with the one segment and the lease's offset.
 *   <li>{@link NativeBuffer}: a range that grows, the open form of a column.
 *   <li>{@link MemoryBudget}: a signed counter with tickets that says how much may be resident. It
 *       allocates nothing and knows nobody; it may be shared by all stores of a process.
 *   <li>{@link Layouts}, {@link Bytes}, {@link Words}, {@link Checksums}, {@link FastSum}: what may
 *       be done with bytes. Static kernels, primitives only, no allocation that outlives the call,
 *       no object per value.
 *   <li>{@link FileWrites}, {@link PunchableFile}, {@link FileHold}: what the JDK lacks for files:
 *       native bytes written and synced as they are, a file's blocks given back, and a word that
 *       somebody still reads them.
 *   <li>{@link ThreadPriority}: what the JDK lacks for threads: one that stands back behind others.
 * </ol>
 *
 * <p>Native calls live in {@code SystemCalls} and {@code FileCalls}, and each has a way around it
 * that needs the JDK alone: {@code -Despalier.memory.native=false} takes that way, {@code
 * -Despalier.memory.debug=true} finds who forgot to close.
 *
 * <p>What does not live here: what the bytes mean (chunks, columns, tries), which of them are cold,
 * and files as such. No arena and no segment is made per chunk or page, here or above: closing a
 * shared arena stops every thread, and a table of segments reads slower than one segment with
 * offsets. On bytes that may be mapped, use the kernels of this package and plain accesses only: a
 * file that was cut short under the mapping is then an {@link InternalError}, while {@link
 * java.lang.foreign.MemorySegment#mismatch} and native code end the process.
 */
@NullMarked
package io.espalier.memory;

import org.jspecify.annotations.NullMarked;
