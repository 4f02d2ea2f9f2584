package io.espalier.spine.trace;

import io.espalier.pager.Pager;
import io.espalier.spine.PartRef;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.FolderDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Answers a {@link CompactionRequest} in any process that sees the store's folder. It does not open
 * the store: the lock and the manifest stay with the owner. It reads the batch files that the
 * request names, which never change, and writes one file, in a folder of its own, under the id that
 * the request allots. The owner takes it from there when it is given the result, and deletes it
 * when nobody gives it any in time. Killed at any moment, it leaves nothing that counts.
 */
public final class CompactionWorker {

    private static final long FUEL = 1 << 18;

    private CompactionWorker() {}

    /**
     * Does the work.
     *
     * @param folder of the store
     * @param pager where the inputs are mapped meanwhile; it has nothing of them left afterwards
     * @return what came of it, for {@link ExternalCompaction#answer}; also if it failed, for
     *     instance because another compaction was faster and an input is gone
     */
    public static CompactionResult answer(Path folder, CompactionRequest request, Pager pager) {
        return answer(new FolderDisk(folder), request, pager, UUID.randomUUID().toString());
    }

    /**
     * @param attempt a name that no other attempt has, of letters, digits and hyphens
     */
    static CompactionResult answer(
            Disk disk, CompactionRequest request, Pager pager, String attempt) {
        try {
            UUID storeId = StoreFile.read(disk).storeId();
            if (!storeId.equals(request.storeId())) {
                return failed(
                        request,
                        disk.describe("")
                                + " is store "
                                + storeId
                                + ", the request is for store "
                                + request.storeId());
            }
            Optional<PartRef> output = merge(disk, request, pager, attempt);
            return CompactionResult.of(request, new CompactionResult.Done(output));
        } catch (IOException | StoreException e) {
            return failed(request, String.valueOf(e.getMessage()));
        }
    }

    private static CompactionResult failed(CompactionRequest request, String why) {
        return CompactionResult.of(request, new CompactionResult.Failed(why));
    }

    private static Optional<PartRef> merge(
            Disk disk, CompactionRequest request, Pager pager, String attempt) throws IOException {
        List<DiskLock> holds = new ArrayList<>();
        try {
            // the owner may delete an input when the lease is over
            for (PartRef part : request.inputs()) {
                holds.add(disk.hold(Names.batch(part.fileId())));
            }
            return mergeHeld(disk, request, pager, attempt);
        } finally {
            for (DiskLock hold : holds) {
                hold.close();
            }
        }
    }

    private static Optional<PartRef> mergeHeld(
            Disk disk, CompactionRequest request, Pager pager, String attempt) throws IOException {
        BatchFolder batches = new BatchFolder(disk, note -> {});
        List<BatchFile> inputs = new ArrayList<>();
        request.inputs().forEach(part -> inputs.add(new BatchFile(batches, pager, part)));
        try (Output output = Output.create(disk, request.fileId(), attempt);
                CompactionJob job =
                        new CompactionJob(
                                pager.memory(),
                                request.chunkBytes(),
                                runsOf(inputs),
                                request.description().since(),
                                () -> output,
                                CompactionJob.Cuts.NONE)) {
            boolean more = true;
            while (more) {
                more = job.step(FUEL);
            }
            return job.finish().stream().findFirst();
        } finally {
            BatchFile.releaseAll(inputs, false);
        }
    }

    /**
     * The inputs as runs: what follows another in key order is read behind it, and not beside it. A
     * request does not say which parts are one run, and it need not.
     */
    private static List<StoredRun> runsOf(List<BatchFile> inputs) {
        List<StoredRun> runs = new ArrayList<>();
        List<BatchFile> chain = new ArrayList<>();
        for (BatchFile input : inputs) {
            if (!chain.isEmpty() && !chain.getLast().isBelow(input)) {
                runs.add(BatchFileChain.of(chain));
                chain.clear();
            }
            chain.add(input);
        }
        runs.add(BatchFileChain.of(chain));
        return runs;
    }

    /**
     * The output: under a name of its own while it is written, under the one that the owner looks
     * for when it is whole and synced. So the owner never sees a part of a file, whoever else
     * answers the same request at the same time.
     */
    private static final class Output implements BatchTarget {
        private final Disk disk;
        private final long id;
        private final String partName;
        private final DiskFile file;
        private long sizeBytes;
        private boolean open = true;

        private Output(Disk disk, long id, String partName, DiskFile file) {
            this.disk = disk;
            this.id = id;
            this.partName = partName;
            this.file = file;
        }

        static Output create(Disk disk, long id, String attempt) throws IOException {
            String name = Names.compactionAttempt(id, attempt);
            return new Output(disk, id, name, disk.create(name));
        }

        @Override
        public long id() {
            return id;
        }

        @Override
        public long sizeBytes() {
            return sizeBytes;
        }

        @Override
        public void append(ByteBuffer source) {
            int bytes = source.remaining();
            try {
                file.append(source);
            } catch (IOException e) {
                throw StoreException.of(disk, partName, "writing a compaction", e);
            }
            sizeBytes += bytes;
        }

        @Override
        public void writeEarly() {
            file.writeEarly();
        }

        @Override
        public void finish() {
            try {
                file.sync();
            } catch (IOException e) {
                throw StoreException.of(disk, partName, "syncing a compaction", e);
            }
            try {
                file.close();
                disk.rename(partName, Names.compactionOutput(id));
            } catch (NoSuchFileException e) {
                throw StoreException.of(disk, partName, "naming a compaction, too late", e);
            } catch (IOException e) {
                throw StoreException.of(disk, partName, "naming a compaction", e);
            }
            open = false;
        }

        @Override
        public void close() {
            if (!open) {
                return;
            }
            open = false;
            try {
                file.close();
                disk.delete(partName);
            } catch (IOException e) {
                // the owner deletes it when the lease is over
            }
        }
    }
}
