package io.espalier.spine.disk;

import io.espalier.memory.FileWrites;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A file of a {@link FolderDisk} that was created here, through the system's own calls: native
 * bytes go to the system without a copy in between.
 */
final class WrittenFile implements DiskFile {

    /**
     * What is sent to the medium at once when it is {@linkplain #writeEarly written early}. Twice
     * as much at most is on its way: others who sync meanwhile wait for no more.
     */
    static final int EARLY_BYTES = 1 << 19;

    private final FolderDisk disk;
    private final String name;
    private final Path path;
    private final FileWrites file;

    private long sizeBytes;
    private boolean early;

    /** Up to here the file may have bytes of another one that it was before. */
    private long staleBytes;

    /** Up to here bytes were sent to the medium, and up to there they are known to have arrived. */
    private long sentBytes;

    private long arrivedBytes;

    WrittenFile(FolderDisk disk, String name, Path path, FileWrites file, long staleBytes) {
        this.disk = disk;
        this.name = name;
        this.path = path;
        this.file = file;
        this.staleBytes = staleBytes;
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
        if (!early) {
            write(source, source.remaining());
            return;
        }
        while (source.hasRemaining()) {
            write(source, Math.min(EARLY_BYTES, source.remaining()));
            send();
        }
    }

    private void write(ByteBuffer source, int bytes) throws IOException {
        ByteBuffer piece = source.slice(source.position(), bytes);
        MemorySegment memory = MemorySegment.ofBuffer(piece);
        try {
            write(memory);
        } catch (DiskFullException e) {
            // the room of what was deleted may be on its way, or kept
            if (!disk.giveRoom()) {
                throw e;
            }
            write(memory);
        }
        source.position(source.position() + bytes);
        sizeBytes += bytes;
    }

    private void write(MemorySegment memory) throws IOException {
        try {
            file.write(sizeBytes, memory);
        } catch (IOException e) {
            throw FolderDisk.ofFailedWrite(path, e);
        }
    }

    private void send() throws IOException {
        if (sizeBytes - sentBytes < EARLY_BYTES) {
            return;
        }
        try {
            // in this order: the medium always has something to do
            file.startWriteBack(sentBytes, sizeBytes - sentBytes);
            if (sentBytes > arrivedBytes) {
                file.awaitWriteBack(arrivedBytes, sentBytes - arrivedBytes);
            }
        } catch (IOException e) {
            // the failure was told here, and the sync at the end may keep silent about it
            throw notSynced(e);
        }
        arrivedBytes = sentBytes;
        sentBytes = sizeBytes;
    }

    @Override
    public void writeEarly() {
        early = true;
        sentBytes = sizeBytes;
        arrivedBytes = sizeBytes;
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        file.truncate(sizeBytes);
        this.sizeBytes = sizeBytes;
        staleBytes = Math.min(staleBytes, sizeBytes);
        sentBytes = Math.min(sentBytes, sizeBytes);
        arrivedBytes = Math.min(arrivedBytes, sizeBytes);
    }

    @Override
    public void sync() throws IOException {
        try {
            cutStale();
            file.sync();
        } catch (IOException e) {
            throw notSynced(e);
        }
    }

    private void cutStale() throws IOException {
        if (staleBytes > sizeBytes) {
            file.truncate(sizeBytes);
        }
        staleBytes = 0;
    }

    private DiskSyncException notSynced(IOException e) {
        return new DiskSyncException(
                disk.describe(name) + " cannot be synced: " + FolderDisk.reason(e), e);
    }

    @Override
    public int read(long position, ByteBuffer target) throws IOException {
        cutStale();
        try (DiskFile readable = disk.open(name)) {
            return readable.read(position, target);
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
