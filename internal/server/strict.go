package server

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/kofo-network/kofo/api/sdk/reason"
)

// newMux translates REST strictly: a field that is misspelt must not pass for
// one that was left out, least of all a limit. Every error carries a reason.
func newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions: protojson.MarshalOptions{EmitUnpopulated: true},
		}}),
		// A form would get around both the method and the check of fields.
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithErrorHandler(restError),
		runtime.WithRoutingErrorHandler(noRoute),
	)
}

// askedKey is where a call's context has its HTTP request.
type askedKey struct{}

func checkedUnary(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if err := checkQuery(ctx, method); err != nil {
		return err
	}
	return invoke(ctx, method, req, reply, conn, opts...)
}

func checkedFollow(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if err := checkQuery(ctx, method); err != nil {
		return nil, err
	}
	return open(ctx, desc, conn, method, opts...)
}

// checkQuery refuses query parameters that the gateway would drop: all of a
// call with a body, and those that are no field of the request.
func checkQuery(ctx context.Context, method string) error {
	asked, ok := ctx.Value(askedKey{}).(*http.Request)
	if !ok || asked.URL.RawQuery == "" {
		return nil
	}
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return err
	}
	call, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return errors.New(name + " is no method")
	}
	var keys []string
	for key := range asked.URL.Query() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		meta := map[string]string{reason.KeyField: key}
		if asked.Method != http.MethodGet {
			return refuse(reason.InvalidArgument, meta, "query parameter %q: this call takes its fields in the body", key)
		}
		if !isField(call.Input(), strings.Split(key, ".")) {
			return refuse(reason.InvalidArgument, meta, "unknown query parameter %q", key)
		}
	}
	return nil
}

// isField follows a path of names, in either spelling, into a message.
func isField(message protoreflect.MessageDescriptor, path []string) bool {
	for i, name := range path {
		field := message.Fields().ByTextName(name)
		if field == nil {
			field = message.Fields().ByJSONName(name)
		}
		if field == nil {
			return false
		}
		if i == len(path)-1 {
			return true
		}
		if message = field.Message(); message == nil || field.Cardinality() == protoreflect.Repeated {
			return false
		}
	}
	return false
}

// unknownField is what the JSON decoder says of a field that it doesn't know.
var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// restError gives errors of the gateway itself the reason of their code.
func restError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	var placed *runtime.HTTPStatusError
	cause := err
	if errors.As(err, &placed) {
		cause = placed.Err
	}
	if reason.Carried(cause) {
		runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
		return
	}
	text, why := status.Convert(cause).Message(), reason.InvalidArgument // all it can refuse is a malformed path
	if placed == nil {
		why, _ = reason.Of(cause)
	}
	var meta map[string]string
	if found := unknownField.FindStringSubmatch(text); found != nil {
		text, meta = found[0], map[string]string{reason.KeyField: found[1]}
	}
	// The decoder varies the space behind its prefix.
	text = strings.TrimLeft(strings.TrimPrefix(text, "proto:"), " \u00a0")
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, reason.Error(why, text, meta))
}

// noRoute answers for paths and methods that do not exist.
func noRoute(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	err := reason.Error(reason.NotImplemented, "no such path: "+r.URL.Path, nil)
	switch code {
	case http.StatusMethodNotAllowed:
		text := r.Method + " is no method of " + r.URL.Path
		if methods := strings.Join(methodsOf(r.URL.Path), ", "); methods != "" {
			w.Header().Set("Allow", methods)
			text += ", which has " + methods
		}
		err = reason.Error(reason.NotImplemented, text, nil)
	case http.StatusBadRequest:
		err = reason.Error(reason.InvalidArgument, "the path has no slash in front", nil)
	}
	restError(ctx, mux, m, w, r, &runtime.HTTPStatusError{HTTPStatus: code, Err: err})
}
