package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The folder in which workers leave what they write, beside the requests that they answer. Nothing
 * in it counts: a request that is lost is only asked anew. So nothing in it is synced but outputs,
 * by those who write them.
 *
 * <p>Thread-safe: it has no state.
 */
final class CompactionFolder {

    private final Disk disk;
    private final BatchFolder deleter;

    /**
     * @param deleter says whether the store is still ours to delete in
     */
    CompactionFolder(Disk disk, BatchFolder deleter) {
        this.disk = disk;
        this.deleter = deleter;
    }

    /** All requests that can be read. */
    List<CompactionRequest> requests() {
        List<CompactionRequest> requests = new ArrayList<>();
        for (String name : names()) {
            long id = Names.compactionId(name);
            if (id >= 0 && Names.compactionRequest(id).endsWith("/" + name)) {
                CompactionRequest request = read(id);
                if (request != null && request.fileId() == id) {
                    requests.add(request);
                }
            }
        }
        return requests;
    }

    private @Nullable CompactionRequest read(long id) {
        try (DiskFile file = disk.open(Names.compactionRequest(id))) {
            long size = file.sizeBytes();
            if (size > CompactionFacts.BYTES_MAX) {
                return null;
            }
            byte[] bytes = new byte[(int) size];
            file.read(0, ByteBuffer.wrap(bytes));
            return CompactionRequest.ofBytes(bytes);
        } catch (IOException | ManifestState.MalformedException e) {
            // as if it had never been asked
            return null;
        }
    }

    private List<String> names() {
        try {
            return disk.exists(Names.COMPACTION_FOLDER)
                    ? disk.list(Names.COMPACTION_FOLDER)
                    : List.of();
        } catch (IOException e) {
            // what is not seen is not kept, and not deleted either
            return List.of();
        }
    }

    /**
     * Writes a request down, so that the next opening knows of it.
     *
     * @throws StoreException if the disk refuses
     */
    void write(CompactionRequest request) {
        String name = Names.compactionRequest(request.fileId());
        try {
            disk.createFolder(Names.COMPACTION_FOLDER);
            try (DiskFile file = disk.create(name)) {
                file.append(ByteBuffer.wrap(request.toBytes()));
            }
        } catch (IOException e) {
            deleter.delete(name);
            throw StoreException.of(disk, name, "writing a request", e);
        }
    }

    /** Deletes the request of that id, its output, and what attempts have left. */
    void delete(long fileId) {
        deleteIf(id -> id == fileId);
    }

    /** Deletes all that belongs to other ids. */
    void deleteAllBut(Collection<Long> fileIds) {
        Set<Long> kept = Set.copyOf(fileIds);
        deleteIf(id -> !kept.contains(id));
    }

    private void deleteIf(LongPredicate ended) {
        for (String name : names()) {
            long id = Names.compactionId(name);
            if (id >= 0 && ended.test(id)) {
                deleter.delete(Names.COMPACTION_FOLDER + "/" + name);
            }
        }
    }
}
