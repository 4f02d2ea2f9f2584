package io.espalier.jmh;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.LineMap;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a floor offers is explained: read from the sources of the floors below this one. */
class PublicApiTest {
    private static final List<String> LIBRARY =
            List.of("memory", "pager", "columnar", "spine", "upsert", "session");

    /** Fails if a public type, or a public method or constructor of one, has no Javadoc. */
    @Test
    void everyPublicTypeAndMethodHasJavadoc() throws IOException {
        Assertions.assertEquals(List.of(), unexplained(sources()));
    }

    /** Fails if the check above would not see a missing comment. */
    @Test
    void aMissingCommentIsFound(@TempDir Path folder) throws IOException {
        Path source = folder.resolve("Sample.java");
        Files.writeString(
                source,
                """
                /** Explained. */
                public final class Sample implements Runnable {
                    public Sample(int x) {}
                    @Override public void run() {}
                    public void bare() {}
                    void inner() {}
                    public record Facts(int count) {}
                    static final class Hidden { public void unseen() {} }
                }
                """);
        List<String> found = unexplained(List.of(source));
        Assertions.assertEquals(List.of(3, 5, 7), found.stream().map(PublicApiTest::line).toList());
    }

    private static int line(String place) {
        return Integer.parseInt(place.replaceAll(".*:(\\d+) .*", "$1"));
    }

    private static List<Path> sources() throws IOException {
        List<Path> sources = new ArrayList<>();
        for (String floor : LIBRARY) {
            Path root = Path.of("..", floor, "src", "main", "java");
            try (Stream<Path> files = Files.walk(root)) {
                files.filter(file -> file.toString().endsWith(".java"))
                        .filter(file -> !file.endsWith("package-info.java"))
                        // a program, not an interface
                        .filter(file -> !file.getParent().endsWith(Path.of("session", "cli")))
                        .forEach(sources::add);
            }
        }
        Assertions.assertFalse(
                sources.isEmpty(), "no sources found beside " + Path.of("").toAbsolutePath());
        return sources;
    }

    private static List<String> unexplained(List<Path> sources) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<String> found = new ArrayList<>();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            JavacTask task =
                    (JavacTask)
                            compiler.getTask(
                                    null,
                                    files,
                                    null,
                                    List.of("-proc:none"),
                                    null,
                                    files.getJavaFileObjectsFromPaths(sources));
            DocTrees docs = DocTrees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                new Reader(docs, unit, found).scan(unit, null);
            }
        }
        return found;
    }

    private static final class Reader extends TreePathScanner<Void, Void> {
        private final DocTrees docs;
        private final CompilationUnitTree unit;
        private final List<String> found;

        Reader(DocTrees docs, CompilationUnitTree unit, List<String> found) {
            this.docs = docs;
            this.unit = unit;
            this.found = found;
        }

        @Override
        public Void visitClass(ClassTree type, Void ignored) {
            // what is inside a type that nobody sees is nobody's business
            if (!offered(type.getModifiers())) return null;
            check(type, type.getSimpleName().toString());
            return super.visitClass(type, null);
        }

        @Override
        public Void visitMethod(MethodTree method, Void ignored) {
            boolean overrides =
                    method.getModifiers().getAnnotations().stream()
                            .anyMatch(a -> a.getAnnotationType().toString().equals("Override"));
            boolean compact =
                    isRecord(getCurrentPath().getParentPath())
                            && method.getName().contentEquals("<init>");
            if (offered(method.getModifiers()) && !overrides && !compact) {
                check(method, method.getName().toString());
            }
            return null;
        }

        private static boolean isRecord(TreePath path) {
            return path.getLeaf().getKind() == Tree.Kind.RECORD;
        }

        /** Public, or a member of an interface, which is public without saying so. */
        private boolean offered(ModifiersTree modifiers) {
            Set<Modifier> flags = modifiers.getFlags();
            if (flags.contains(Modifier.PUBLIC) || flags.contains(Modifier.PROTECTED)) return true;
            return !flags.contains(Modifier.PRIVATE)
                    && getCurrentPath().getParentPath().getLeaf().getKind() == Tree.Kind.INTERFACE;
        }

        private void check(Tree tree, String name) {
            if (docs.getDocCommentTree(getCurrentPath()) != null) return;
            LineMap lines = unit.getLineMap();
            long start = docs.getSourcePositions().getStartPosition(unit, tree);
            found.add(
                    unit.getSourceFile().getName()
                            + ":"
                            + lines.getLineNumber(start)
                            + " "
                            + name
                            + " has no Javadoc");
        }
    }
}
