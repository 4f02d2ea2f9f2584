package io.espalier.session;

import io.espalier.columnar.ImageException;
import io.espalier.memory.OutOfNativeMemoryException;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.SpillException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/**
 * Turns what the floors below throw into the exceptions of this one. Misuse ({@link
 * IllegalStateException}, {@link IllegalArgumentException}) and mistakes of our own pass through.
 */
final class Failures {

    private static final List<String> FULL =
            List.of("no space left", "quota exceeded", "not enough space");
    private static final String READ_ONLY = "read-only file system";

    private Failures() {}

    static <T> T translate(Supplier<T> work) {
        try {
            return work.get();
        } catch (RuntimeException | InternalError e) {
            throw of(e);
        }
    }

    /** What to throw instead of {@code e}. */
    static RuntimeException of(Throwable e) {
        return switch (e) {
            case io.espalier.spine.trace.StoreException store -> of(store);
            case SpillException spill -> of(spill);
            case DamagedPageException page -> new StoreException.Damaged(message(page), page);
            case ImageException image -> new StoreException.Damaged(message(image), image);
            case UncheckedIOException io ->
                    new StoreException.Failed(
                            "the operating system failed: " + message(rootOf(io)), io);
            case OutOfNativeMemoryException memory ->
                    new StoreException.Failed(message(memory), memory);
            // the JVM's word for a mapped page that cannot be had
            case InternalError fault ->
                    new StoreException.Damaged(
                            "a mapped file could not be read ("
                                    + message(fault)
                                    + "): it was shortened, or its device fails; verify says which",
                            fault);
            case RuntimeException other -> other;
            default -> throw new AssertionError(e);
        };
    }

    /** Spilling fails for reasons of its own, of which a full disk is only the most frequent. */
    private static StoreException of(SpillException e) {
        Throwable root = rootOf(e);
        String reason = message(root).toLowerCase(Locale.ROOT);
        if (FULL.stream().anyMatch(reason::contains)) {
            return new StoreException.DiskFull(message(e), e);
        }
        if (root instanceof AccessDeniedException || reason.contains(READ_ONLY)) {
            return new StoreException.ReadOnly(message(e), e);
        }
        return new StoreException.Failed(message(e), e);
    }

    private static Throwable rootOf(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    private static String message(Throwable e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }

    private static StoreException of(io.espalier.spine.trace.StoreException e) {
        String message = String.valueOf(e.getMessage());
        return switch (e) {
            case io.espalier.spine.trace.StoreException.Absent absent ->
                    new StoreException.Absent(message);
            case io.espalier.spine.trace.StoreException.NotAStore foreign ->
                    new StoreException.Foreign(message);
            case io.espalier.spine.trace.StoreException.NewerFormat newer ->
                    new StoreException.NewerVersion(message);
            case io.espalier.spine.trace.StoreException.Locked locked ->
                    new StoreException.Locked(message);
            case io.espalier.spine.trace.StoreException.NotPermitted denied ->
                    new StoreException.ReadOnly(message, denied);
            case io.espalier.spine.trace.StoreException.Full full ->
                    new StoreException.DiskFull(message, full);
            case io.espalier.spine.trace.StoreException.Behind behind ->
                    new StoreException.Failed(message, behind);
            case io.espalier.spine.trace.StoreException.Damaged damaged ->
                    new StoreException.Damaged(message, damaged);
            case io.espalier.spine.trace.StoreException.Stopped stopped ->
                    new StoreException.Failed(message, stopped);
            case io.espalier.spine.trace.StoreException.Failed failed ->
                    new StoreException.Failed(message, failed);
        };
    }
}
