package io.espalier.jmh;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.FolderDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * A folder in which long stretches of zeros take no room, and nothing is synced: for stores that
 * are larger than the disk. What it leaves is read as any other folder.
 */
final class SparseDisk implements Disk {

    private static final int BLOCK_BYTES = 4096;

    private final Path root;
    private final FolderDisk disk;

    SparseDisk(Path root) {
        this.root = root;
        this.disk = new FolderDisk(root);
    }

    @Override
    public String describe(String name) {
        return disk.describe(name);
    }

    @Override
    public boolean exists(String name) throws IOException {
        return disk.exists(name);
    }

    @Override
    public List<String> list(String folder) throws IOException {
        return disk.list(folder);
    }

    @Override
    public void createFolder(String folder) throws IOException {
        disk.createFolder(folder);
    }

    @Override
    public DiskFile create(String name) throws IOException {
        return new SparseFile(
                name,
                FileChannel.open(
                        root.resolve(name),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE));
    }

    @Override
    public DiskFile open(String name) throws IOException {
        return disk.open(name);
    }

    @Override
    public void rename(String source, String target) throws IOException {
        disk.rename(source, target);
    }

    @Override
    public void delete(String name) throws IOException {
        disk.delete(name);
    }

    @Override
    public void syncFolder(String folder) {}

    @Override
    public Lease map(NativeMemory memory, String name, long position, long sizeBytes)
            throws IOException {
        return disk.map(memory, name, position, sizeBytes);
    }

    @Override
    public DiskLock lock(String name, boolean shared, String owner) throws IOException {
        return disk.lock(name, shared, owner);
    }

    private static final class SparseFile implements DiskFile {

        private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(BLOCK_BYTES);

        private final String name;
        private final FileChannel channel;
        private long sizeBytes;
        private long filledBytes;

        SparseFile(String name, FileChannel channel) {
            this.name = name;
            this.channel = channel;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public long sizeBytes() {
            return sizeBytes;
        }

        @Override
        public void append(ByteBuffer source) throws IOException {
            int end = source.limit();
            while (source.position() < end) {
                // up to the next whole block of the file
                int part =
                        (int)
                                Math.min(
                                        end - source.position(),
                                        BLOCK_BYTES - sizeBytes % BLOCK_BYTES);
                source.limit(source.position() + part);
                if (part == BLOCK_BYTES && source.mismatch(ZEROS.duplicate()) < 0) {
                    source.position(source.limit());
                } else {
                    long at = sizeBytes;
                    while (source.hasRemaining()) {
                        at += channel.write(source, at);
                    }
                    filledBytes = at;
                }
                sizeBytes += part;
                source.limit(end);
            }
        }

        @Override
        public void truncate(long sizeBytes) throws IOException {
            channel.truncate(sizeBytes);
            this.sizeBytes = sizeBytes;
            filledBytes = Math.min(filledBytes, sizeBytes);
        }

        @Override
        public void sync() throws IOException {
            fill();
        }

        /** The last byte has to be written, or the file ends before it. */
        private void fill() throws IOException {
            if (filledBytes < sizeBytes) {
                channel.write(ByteBuffer.allocate(1), sizeBytes - 1);
                filledBytes = sizeBytes;
            }
        }

        @Override
        public int read(long position, ByteBuffer target) throws IOException {
            return Math.max(0, channel.read(target, position));
        }

        @Override
        public void close() throws IOException {
            try (channel) {
                fill();
            }
        }
    }
}
