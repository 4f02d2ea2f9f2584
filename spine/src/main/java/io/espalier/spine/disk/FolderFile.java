package io.espalier.spine.disk;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A file of a {@link FolderDisk}, by means of the JDK alone. Native bytes go through a small heap
 * buffer that stays in cache.
 */
final class FolderFile implements DiskFile {

    private static final int BOUNCE_BYTES = 1 << 16;

    /** What is left to be synced at most when it is written early. */
    private static final long EARLY_BYTES = 8L << 20;

    private final FolderDisk disk;
    private final String name;
    private final Path path;
    private final RandomAccessFile file;
    private byte[] bounce = {};
    private long sizeBytes;
    private long syncedBytes;
    private boolean early;

    FolderFile(FolderDisk disk, String name, Path path, String mode) throws FileNotFoundException {
        this.disk = disk;
        this.name = name;
        this.path = path;
        this.file = new RandomAccessFile(path.toFile(), mode);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() throws IOException {
        return file.length();
    }

    @Override
    public void append(ByteBuffer source) throws IOException {
        try {
            file.seek(sizeBytes);
            if (source.hasArray()) {
                file.write(
                        source.array(),
                        source.arrayOffset() + source.position(),
                        source.remaining());
                sizeBytes += source.remaining();
                source.position(source.limit());
            }
            while (source.hasRemaining()) {
                int part = bounceIn(source);
                file.write(bounce, 0, part);
                sizeBytes += part;
            }
        } catch (IOException e) {
            throw FolderDisk.ofFailedWrite(path, e);
        }
        if (early && sizeBytes - syncedBytes >= EARLY_BYTES) {
            sync();
        }
    }

    @Override
    public void writeEarly() {
        early = true;
    }

    private int bounceIn(ByteBuffer source) {
        int part = Math.min(BOUNCE_BYTES, source.remaining());
        if (bounce.length < part) {
            bounce = new byte[BOUNCE_BYTES];
        }
        source.get(bounce, 0, part);
        return part;
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        file.setLength(sizeBytes);
        this.sizeBytes = sizeBytes;
    }

    @Override
    public void sync() throws IOException {
        try {
            file.getFD().sync();
        } catch (IOException e) {
            throw new DiskSyncException(
                    disk.describe(name) + " cannot be synced: " + FolderDisk.reason(e), e);
        }
        syncedBytes = sizeBytes;
    }

    @Override
    public int read(long position, ByteBuffer target) throws IOException {
        if (position >= file.length()) {
            return 0;
        }
        file.seek(position);
        int done = 0;
        while (target.hasRemaining()) {
            int part = Math.min(BOUNCE_BYTES, target.remaining());
            int count;
            if (target.hasArray()) {
                count = file.read(target.array(), target.arrayOffset() + target.position(), part);
                if (count > 0) {
                    target.position(target.position() + count);
                }
            } else {
                if (bounce.length < part) {
                    bounce = new byte[BOUNCE_BYTES];
                }
                count = file.read(bounce, 0, part);
                if (count > 0) {
                    target.put(bounce, 0, count);
                }
            }
            if (count < 0) {
                break;
            }
            done += count;
        }
        return done;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
