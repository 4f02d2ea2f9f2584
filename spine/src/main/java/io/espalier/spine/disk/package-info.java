/**
 * Where durable bytes go: the seam between the durable trace and a file system.
 *
 * <p>Everything that this floor keeps across restarts goes through a {@link
 * io.espalier.spine.disk.Disk}: one folder with files that are written once from front to back,
 * synced, renamed and deleted. Nothing else of the floor opens a file. That makes the seam the
 * place where a test lets writes be torn, reordered or lost, a disk be full, a sync fail or a bit
 * rot, always from a seed; and the place to look at when asking what the store demands of a file
 * system.
 *
 * <p>What it demands is little, and each item is one that POSIX file systems promise:
 *
 * <ul>
 *   <li>after {@link io.espalier.spine.disk.DiskFile#sync()}, the bytes and the size of the file
 *       survive a loss of power; before it, any of them may be lost, in any order;
 *   <li>after {@link io.espalier.spine.disk.Disk#syncFolder}, so do the names in the folder;
 *   <li>{@link io.espalier.spine.disk.Disk#rename} puts one file in the place of another at once: a
 *       crash leaves the old or the new one under the name, never none and never a mixture;
 *   <li>a lock is held by one process and dies with it.
 * </ul>
 *
 * <p>Read {@link io.espalier.spine.disk.Disk}, then {@link io.espalier.spine.disk.DiskFile}, then
 * {@link io.espalier.spine.disk.FolderDisk}, which is the real one.
 */
@NullMarked
package io.espalier.spine.disk;

import org.jspecify.annotations.NullMarked;
